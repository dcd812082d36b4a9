import { useEffect, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { CodeField } from "../../component/CodeField";
import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { newestCode, railSteps } from "../../component/rail";
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
  const newest = newestCode(signIn.tracks)?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new code is to be typed at once
  useEffect(() => {
    // While something is under way the field takes nothing, so that it loses the focus.
    if (!signIn.busy && document.hasFocus()) field.current?.focus({ preventScroll: true });
  }, [newest, signIn.busy]);
  const check = async (digits: string) => {
    setWrong(false);
    if (await signIn.check(digits)) return;
    setCode("");
    setWrong(true);
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
  const at = number ? ` at ${number}` : "";
  const to = number ? ` to ${number}` : "";
  const ways = {
    sms: [`We sent it by SMS${to}.`, `send it by SMS${to}`],
    voice: [`We called you${at} with your code.`, `call you${at}`],
    email: ["We sent it by e-mail.", "send it by e-mail"],
  } as const;
  const last = newestCode(tracks);
  const [sent, tried] = ways[last?.channel ?? "sms"];
  return last?.state === "unknown" ? `We tried to ${tried}, and cannot tell if it worked.` : sent;
}
