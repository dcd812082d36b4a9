import { useEffect, useRef } from "react";
import { Again } from "../../component/Again";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { reveal } from "../../component/reveal";
import { useSay } from "../../component/texts";
import { useSecondsLeft } from "../../component/useSecondsLeft";
import type { SignIn } from "./useSignIn";

/**
 * What went wrong, when it may be tried again, and the next step. Where a rule holds sign-ins of
 * this demo person back, there is another one.
 */
export function TroubleNotice({ signIn }: { signIn: SignIn }) {
  const say = useSay();
  const { problem } = signIn;
  const area = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (problem) reveal(area.current);
  }, [problem]);
  const left = useSecondsLeft(problem?.againAt, Date.now);
  return (
    <div ref={area} className="login-problem">
      {problem && (
        <Notice
          tone={problem.early ? "heed" : "problem"}
          icon={problem.early ? "clock" : "warning"}
          title={problem.title}
          action={
            problem.refused && (
              <>
                <p className="login-anew">{say("login.anew.text")}</p>
                <Button disabled={signIn.busy} onClick={signIn.beSomebodyElse}>
                  {say("login.anew.go")}
                </Button>
              </>
            )
          }
        >
          {problem.text}
          {left !== null && <Again key={problem.againAt} seconds={left} />}
        </Notice>
      )}
    </div>
  );
}
