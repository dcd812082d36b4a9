import { useEffect, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { CodeField } from "../../component/CodeField";
import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { railSteps } from "../../component/rail";
import { clock } from "../../component/time";
import type { Track } from "../../component/tracks";
import { useSecondsLeft } from "../../component/useSecondsLeft";
import type { StatusBody } from "../../sdk";
import { triesLeft } from "./model";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";
import { Whereabouts } from "./Whereabouts";

/** A code is out: one field for it, and the phone's number still beside it. */
export function CodeView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const length = status.code_length ?? 6;
  const [code, setCode] = useState("");
  const [wrong, setWrong] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const left = useSecondsLeft(status.expires_at ? Date.parse(status.expires_at) : null, signIn.now);
  useEffect(() => {
    if (document.hasFocus()) field.current?.focus({ preventScroll: true });
  }, []);
  const check = async (digits: string) => {
    setWrong(false);
    if (await signIn.check(digits)) return;
    setCode("");
    setWrong(true);
    field.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <div className="login-words">
        <Heading>Enter your code</Heading>
        <p>
          {sentWords(status, signIn.tracks)}
          {status.match_number && (
            <>
              {" "}
              Or type{" "}
              <output className="login-either" aria-label="Number to type on your phone">
                {status.match_number}
              </output>{" "}
              on your phone.
            </>
          )}
        </p>
      </div>
      <form
        className="login-code"
        onSubmit={(event) => {
          event.preventDefault();
          if (code.length === length) void check(code);
        }}
      >
        <CodeField
          label={`${length}-digit code`}
          length={length}
          value={code}
          onChange={setCode}
          onComplete={(digits) => void check(digits)}
          disabled={signIn.busy}
          input={field}
          error={wrong && !signIn.problem ? "That code is not right. Try again." : undefined}
          hint={[triesLeft(status), left !== null && clock(left)].filter(Boolean).join(", ")}
        />
        <Button
          tone="accent"
          wide
          type="submit"
          busy={signIn.busy}
          disabled={code.length !== length}
        >
          Confirm
        </Button>
      </form>
      <Rail steps={railSteps(status, signIn.tracks, null)} />
      <Whereabouts signIn={signIn} />
      <WaysOut signIn={signIn} status={status} />
    </>
  );
}

function sentWords(status: StatusBody, tracks: Track[]): string {
  const number = status.phone_number;
  const to = number ? ` to ${number}` : "";
  const last = tracks.findLast((t) => t.channel === "voice" || t.channel === "sms");
  const call = last?.channel === "voice";
  if (last?.state === "unknown") {
    const tried = call ? `call you${number ? ` at ${number}` : ""}` : `send it by SMS${to}`;
    return `We tried to ${tried}, and cannot tell if it worked.`;
  }
  return call ? `We called you with a code${to}.` : `We sent it by SMS${to}.`;
}
