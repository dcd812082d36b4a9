import type { Alternative, StatusBody } from "../sdk";
import type { IconName } from "../theme/Icon";
import { Button } from "./Button";
import { duration } from "./duration";
import { Support } from "./Support";
import { type Say, useSay } from "./texts";
import { type Clock, useSecondsLeft } from "./useSecondsLeft";
import "./Alternatives.css";

const icons: Record<string, IconName> = {
  change_phone: "app",
  voice: "voice",
  email: "email",
};

/** The other ways that the server offers once its resends have not helped, each with its own wait. */
export function Alternatives({
  status,
  now,
  disabled = false,
  onChannel,
  onChangePhone,
}: {
  status: StatusBody;
  now: Clock;
  disabled?: boolean;
  onChannel: (channel: "voice" | "email") => void;
  onChangePhone?: () => void;
}) {
  const say = useSay();
  const ways = status.alternatives ?? [];
  if (ways.length === 0) return null;
  const told = Date.parse(status.server_time);
  return (
    <section className="nod-ways" aria-label={say("ways.title")}>
      <p className="nod-ways-help">{say("ways.help")}</p>
      <ul className="nod-ways-list">
        {ways.map((way) => (
          <li key={way.kind}>
            {way.kind === "support" ? (
              <Support contact={way.label} />
            ) : (
              <Way
                way={way}
                at={told + way.available_in * 1000}
                now={now}
                disabled={disabled}
                onPress={() => {
                  if (way.kind === "change_phone") onChangePhone?.();
                  else onChannel(way.kind as "voice" | "email");
                }}
              />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Way({
  way,
  at,
  now,
  disabled,
  onPress,
}: {
  way: Alternative;
  at: number;
  now: Clock;
  disabled: boolean;
  onPress: () => void;
}) {
  const say = useSay();
  const left = useSecondsLeft(at, now) ?? 0;
  return (
    <Button wide icon={icons[way.kind]} disabled={disabled || left > 0} onClick={onPress}>
      {wordsOf(say, way)}
      {left > 0 && (
        <span className="nod-ways-wait"> {say("ways.wait", { time: duration(left) })}</span>
      )}
    </Button>
  );
}

function wordsOf(say: Say, way: Alternative): string {
  switch (way.kind) {
    case "change_phone":
      return say("ways.change_phone");
    case "voice":
      return say("ways.voice");
    case "email":
      return say("ways.email");
    default:
      return way.label; // a way that is newer than this page says itself what it is
  }
}
