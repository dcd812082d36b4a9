import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { useSay } from "../../component/texts";
import { Mark } from "../../theme/Mark";
import type { SignIn } from "./useSignIn";

/** Approved; the bank is checking the answer. If that fails it can be tried again. */
export function FinishingView({ signIn }: { signIn: SignIn }) {
  const say = useSay();
  return (
    <div className="login-end">
      <Mark />
      <Heading>{say("login.approved.title")}</Heading>
      <p>{say(signIn.problem ? "login.approved.kept" : "login.approved.text")}</p>
      {signIn.problem && (
        <Button tone="accent" wide onClick={signIn.finish}>
          {say("login.approved.finish")}
        </Button>
      )}
    </div>
  );
}
