import { Button } from "../../component/Button";
import { useSay } from "../../component/texts";
import type { SignIn } from "./useSignIn";

/** Says that this browser needs no answer from a phone, and takes that back. */
export function Remembered({ signIn }: { signIn: SignIn }) {
  const say = useSay();
  return (
    <div className="login-remembered">
      <span>{say("login.remembered")}</span>
      <Button tone="quiet" disabled={signIn.busy} onClick={signIn.forgetBrowsers}>
        {say("login.forget")}
      </Button>
    </div>
  );
}
