import { useEffect, useId, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { reveal } from "../../component/reveal";
import type { StatusBody } from "../../sdk";
import { waysOf } from "./model";
import type { SignIn } from "./useSignIn";

/** The ways out, always there: ask again, another way, no phone, cancel. */
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
  const [noPhone, setNoPhone] = useState(false);
  const panel = useId();
  const advice = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (noPhone) reveal(advice.current);
  }, [noPhone]);
  const ways = signIn.countdowns ? waysOf(signIn.tracks, signIn.countdowns) : [];
  return (
    <div className="login-ways">
      {ways.length > 0 && (
        <div className="login-again">
          {ways.map((way, place) => (
            <Button
              key={way.channel}
              tone={first && place === 0 ? "accent" : "plain"}
              icon={way.wait > 0 ? undefined : way.channel === "push" ? "app" : way.channel}
              disabled={way.wait > 0 || signIn.busy}
              onClick={() => signIn.ask(way)}
            >
              {way.label}
            </Button>
          ))}
        </div>
      )}
      <div className="login-quiet">
        <Button
          tone="quiet"
          aria-expanded={noPhone}
          aria-controls={panel}
          onClick={() => setNoPhone(!noPhone)}
        >
          I don't have my phone
        </Button>
        <Button tone="quiet" disabled={signIn.busy} onClick={signIn.cancel}>
          Cancel
        </Button>
      </div>
      <div id={panel} ref={advice} hidden={!noPhone}>
        <Notice title="That is all right, nothing is lost">
          {status.alternative_contact_message ??
            "A code by SMS works with any phone that has your number. If the number is gone too, cancel here and ask your bank: nobody can sign in as you without your answer."}
        </Notice>
      </div>
    </div>
  );
}
