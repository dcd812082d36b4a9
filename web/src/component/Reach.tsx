import type { StatusBody } from "../sdk";
import { Icon, type IconName } from "../theme/Icon";
import { type Reached, reachedOf } from "./reached";
import { useSay } from "./texts";
import "./Reach.css";

const icons: Record<Reached["channel"], IconName> = {
  sms: "sms",
  voice: "voice",
  email: "email",
  push: "push",
  websocket: "app",
};

const steps = ["reach.sent", "reach.delivered", "reach.seen"] as const;

/** Where the messages are, live: sent, delivered, seen, for each channel that was used. */
export function Reach({ status }: { status: StatusBody }) {
  const say = useSay();
  const reached = reachedOf(status);
  if (reached.length === 0) return null;
  return (
    <ul className="nod-reach" aria-label={say("reach.title")}>
      {reached.map((one) => (
        <li key={one.channel} className="nod-reach-line" data-channel={one.channel}>
          <span className="nod-reach-name">
            <Icon name={icons[one.channel]} />
            {say(`reach.${one.channel}`)}
          </span>
          {one.lost ? (
            <span className="nod-reach-lost">{say(one.lost)}</span>
          ) : (
            <Steps reached={one} />
          )}
        </li>
      ))}
    </ul>
  );
}

/** The steps as a short track; a screen reader hears the last one taken. */
function Steps({ reached: { step, steps: known } }: { reached: Reached }) {
  const say = useSay();
  const last = steps[Math.min(step, known) - 1];
  return (
    <>
      <span className="nod-spoken">{say(last ?? "reach.sending")}</span>
      <span className="nod-reach-steps" aria-hidden="true">
        {steps.slice(0, known).map((name, place) => (
          <span
            key={name}
            className="nod-reach-step"
            data-state={place < step ? "done" : place === step ? "next" : undefined}
          >
            <span className="nod-reach-dot">{place < step && <Icon name="check" />}</span>
            {say(place === 0 && step === 0 ? "reach.sending" : name)}
          </span>
        ))}
      </span>
    </>
  );
}
