import { useEffect, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { CodeField } from "../../component/CodeField";
import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { newestCode, railSteps } from "../../component/rail";
import { Phrase, type Say, useSay } from "../../component/texts";
import { clock } from "../../component/time";
import type { Track } from "../../component/tracks";
import { useSecondsLeft } from "../../component/useSecondsLeft";
import type { StatusBody } from "../../sdk";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";
import { Whereabouts } from "./Whereabouts";

/** A code is out: one field for it, and the phone's number still beside it. */
export function CodeView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const say = useSay();
  const length = status.code_length ?? 6;
  const [code, setCode] = useState("");
  const [wrong, setWrong] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const left = useSecondsLeft(status.expires_at ? Date.parse(status.expires_at) : null, signIn.now);
  const tries =
    status.attempts_remaining != null &&
    say("code.tries_left", { count: status.attempts_remaining });
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
        <Heading>{say("login.code.title")}</Heading>
        <p>
          {sentWords(say, status, signIn.tracks)}
          {status.match_number && (
            <>
              {" "}
              <Phrase
                text="login.code.or"
                slots={{ number: <output className="login-either">{status.match_number}</output> }}
              />
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
          label={say("code.label", { length })}
          length={length}
          value={code}
          onChange={setCode}
          onComplete={(digits) => void check(digits)}
          disabled={signIn.busy}
          input={field}
          error={wrong && !signIn.problem ? say("code.wrong") : undefined}
          hint={[tries, left !== null && clock(say, left)].filter(Boolean).join(", ")}
        />
        <Button
          tone="accent"
          wide
          type="submit"
          busy={signIn.busy}
          disabled={code.length !== length}
        >
          {say("code.confirm")}
        </Button>
      </form>
      <Rail steps={railSteps(say, status, signIn.tracks, null)} />
      <Whereabouts signIn={signIn} />
      <WaysOut signIn={signIn} status={status} />
    </>
  );
}

function sentWords(say: Say, status: StatusBody, tracks: Track[]): string {
  const newest = newestCode(tracks);
  const channel = newest?.channel ?? "sms";
  const tried = newest?.state === "unknown" ? ("tried." as const) : "";
  const number = status.phone_number;
  if (channel === "email" || !number) return say(`login.code.${tried}${channel}`);
  return say(`login.code.${tried}${channel}_to`, { number });
}
