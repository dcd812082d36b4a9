import { useEffect, useId, useRef, useState } from "react";
import { Alternatives } from "../../component/Alternatives";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { ResendButton } from "../../component/ResendButton";
import { newestCode } from "../../component/rail";
import { reveal } from "../../component/reveal";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { waysOf } from "./model";
import type { SignIn } from "./useSignIn";

/** The ways out, always there: the code again, another way, no phone, cancel. */
export function WaysOut({
  signIn,
  status,
  first = false,
}: {
  signIn: SignIn;
  status: StatusBody;
  /** Asking again is the one thing to do here. */
  first?: boolean;
}) {
  const say = useSay();
  const { tracks, countdowns, busy } = signIn;
  const newest = status.stage === "locked" ? undefined : newestCode(tracks);
  const ways = countdowns ? waysOf(say, status, tracks, countdowns) : [];
  return (
    <div className="login-ways">
      {newest && (
        <ResendButton
          status={status}
          now={signIn.now}
          sending={signIn.act === "resend"}
          disabled={busy}
          accent={first}
          onResend={() => signIn.resend(newest.channel)}
        />
      )}
      {ways.length > 0 && (
        <div className="login-again">
          {ways.map((way, place) => (
            <Button
              key={way.channel}
              tone={first && !newest && place === 0 ? "accent" : "plain"}
              icon={way.wait > 0 ? undefined : way.channel === "push" ? "app" : way.channel}
              disabled={way.wait > 0 || busy}
              onClick={() => (way.first ? signIn.next() : signIn.resend(way.channel))}
            >
              {way.label}
            </Button>
          ))}
        </div>
      )}
      <Alternatives
        status={status}
        now={signIn.now}
        disabled={busy}
        onChannel={(channel) => signIn.resend(channel)}
      />
      <Leaving signIn={signIn} status={status} />
    </div>
  );
}

/** Without a phone at all: what still helps, and the end. */
function Leaving({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const say = useSay();
  const [noPhone, setNoPhone] = useState(false);
  const panel = useId();
  const advice = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (noPhone) reveal(advice.current);
  }, [noPhone]);
  return (
    <>
      <div className="login-quiet">
        <Button
          tone="quiet"
          aria-expanded={noPhone}
          aria-controls={panel}
          onClick={() => setNoPhone(!noPhone)}
        >
          {say("login.no_phone")}
        </Button>
        <Button tone="quiet" disabled={signIn.busy} onClick={signIn.cancel}>
          {say("login.cancel")}
        </Button>
      </div>
      <div id={panel} ref={advice} hidden={!noPhone}>
        <Notice title={say("login.no_phone.title")}>
          {status.alternative_contact_message ?? say("login.no_phone.text")}
        </Notice>
      </div>
    </>
  );
}
