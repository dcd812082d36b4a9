import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { railSteps } from "../../component/rail";
import type { StatusBody } from "../../sdk";
import { lockedWords } from "./model";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";

/** Nothing is under way: what happened, and the ways to be asked again. */
export function WaitingView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const locked = status.stage === "locked";
  const until = status.locked_until ? Date.parse(status.locked_until) : null;
  return (
    <>
      <div className="login-words">
        <Heading>{locked ? "Codes are paused" : "Shall we ask again?"}</Heading>
        <p>
          {locked
            ? `Too many wrong codes were typed, so your account is being kept safe. ${lockedWords(until, signIn.now())}`
            : "There was no answer yet and nobody was signed in. Choose how we should reach you."}
        </p>
      </div>
      <WaysOut signIn={signIn} status={status} first />
      <Rail steps={railSteps(status, signIn.tracks, null)} />
    </>
  );
}
