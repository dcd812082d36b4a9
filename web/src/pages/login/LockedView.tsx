import { Heading } from "../../component/Heading";
import { Locked } from "../../component/Locked";
import { Rail } from "../../component/Rail";
import { railSteps } from "../../component/rail";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { RequestRing } from "./RequestRing";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";

/** Codes are paused after too many wrong ones; a phone that has the request answers as ever. */
export function LockedView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const say = useSay();
  const asked = Boolean(status.prompt_expires_at);
  return (
    <>
      <div className="login-words">
        <Heading>{say("code.locked")}</Heading>
        <Locked until={status.locked_until} now={signIn.now} />
        {asked && (
          <p className="login-still">
            {say(`login.locked.${status.match_number ? "type" : "answer"}`)}
          </p>
        )}
      </div>
      {asked && <RequestRing signIn={signIn} status={status} />}
      <WaysOut signIn={signIn} status={status} first={!asked} />
      <Rail steps={railSteps(say, status, signIn.tracks, null)} />
    </>
  );
}
