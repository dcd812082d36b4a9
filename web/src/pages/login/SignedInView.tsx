import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { useSay } from "../../component/texts";
import { Mark } from "../../theme/Mark";
import { firstName } from "../person";
import { signedInWords } from "./model";
import { Remembered } from "./Remembered";
import type { SignedIn } from "./session";
import type { SignIn } from "./useSignIn";

/** The end: the mark nods once, then what happens next. */
export function SignedInView({ signIn, done }: { signIn: SignIn; done: SignedIn }) {
  const say = useSay();
  return (
    <div className="login-end login-bloom">
      <Mark nods />
      <Heading>{say("login.welcome", { name: firstName(done.name) })}</Heading>
      <p>{signedInWords(say, done.method, done.at)}</p>
      <Button wide onClick={signIn.leave}>
        {say("login.out")}
      </Button>
      {done.remembered && <Remembered signIn={signIn} />}
      <p className="login-next">{say("login.out.text")}</p>
    </div>
  );
}
