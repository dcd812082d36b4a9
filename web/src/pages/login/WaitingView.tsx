import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { railSteps } from "../../component/rail";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { waitingWords } from "./model";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";

/** Nothing is under way: what happened, and the ways to be asked again. */
export function WaitingView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const say = useSay();
  const { title, text } = waitingWords(say, status);
  return (
    <>
      <div className="login-words">
        <Heading>{title}</Heading>
        <p>{text}</p>
      </div>
      <WaysOut signIn={signIn} status={status} first />
      <Rail steps={railSteps(say, status, signIn.tracks, null)} />
    </>
  );
}
