import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Mark } from "../../theme/Mark";
import type { SignIn } from "./useSignIn";

/** Approved; the bank is checking the answer. If that fails it can be tried again. */
export function FinishingView({ signIn }: { signIn: SignIn }) {
  return (
    <div className="login-end">
      <Mark />
      <Heading>Approved</Heading>
      <p>{signIn.problem ? "Your answer is safe with us." : "Signing you in."}</p>
      {signIn.problem && (
        <Button tone="accent" wide onClick={signIn.finish}>
          Finish signing in
        </Button>
      )}
    </div>
  );
}
