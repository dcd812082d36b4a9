import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { railSteps } from "../../component/rail";
import { Skeleton } from "../../component/Skeleton";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { askedWords } from "./model";
import { RequestRing } from "./RequestRing";
import { useFallback } from "./useFallback";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";
import { Whereabouts } from "./Whereabouts";

/** The phone is being asked: the number to type there, inside what is left of the time. */
export function AskedView({ signIn, status }: { signIn: SignIn; status: StatusBody | null }) {
  const say = useSay();
  const fallback = useFallback(signIn);
  return (
    <>
      <div className="login-words">
        <Heading>{say("login.asked.title")}</Heading>
        <p>{askedWords(say, status, signIn.tracks)}</p>
      </div>
      <RequestRing signIn={signIn} status={status} />
      {status ? (
        <>
          <Rail steps={railSteps(say, status, signIn.tracks, fallback)} />
          <Whereabouts signIn={signIn} />
          <WaysOut signIn={signIn} status={status} />
        </>
      ) : (
        <Skeleton lines={3} label={say("login.starting")} />
      )}
    </>
  );
}
