import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { timeOfDay } from "../../component/time";
import { Mark } from "../../theme/Mark";
import { methodWords } from "./model";
import type { SignedIn } from "./session";
import type { SignIn } from "./useSignIn";

/** The end: the mark nods once, then what happens next. */
export function SignedInView({ signIn, done }: { signIn: SignIn; done: SignedIn }) {
  return (
    <div className="login-end login-bloom">
      <Mark nods />
      <Heading>Welcome, {done.name.split(" ")[0]}</Heading>
      <p>
        You are signed in. {methodWords(done.method)} at {timeOfDay(done.at, false)}.
      </p>
      <Button wide onClick={signIn.leave}>
        Sign out
      </Button>
      <p className="login-next">
        Sign out to see it again, or switch something off on the phone first.
      </p>
    </div>
  );
}
