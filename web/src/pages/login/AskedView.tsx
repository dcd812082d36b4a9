import { CountdownRing } from "../../component/CountdownRing";
import { spokenDigits } from "../../component/digits";
import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { railSteps } from "../../component/rail";
import { Skeleton } from "../../component/Skeleton";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { Mark } from "../../theme/Mark";
import { askedWords } from "./model";
import { useFallback } from "./useFallback";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";
import { Whereabouts } from "./Whereabouts";

/** The phone is being asked: the number to type there, inside what is left of the time. */
export function AskedView({ signIn, status }: { signIn: SignIn; status: StatusBody | null }) {
  const say = useSay();
  const fallback = useFallback(signIn);
  const number = status?.match_number;
  const ends = status?.prompt_expires_at ? Date.parse(status.prompt_expires_at) : null;
  return (
    <>
      <div className="login-words">
        <Heading>{say("login.asked.title")}</Heading>
        <p>{askedWords(say, status, signIn.tracks)}</p>
      </div>
      <CountdownRing endsAt={ends} total={signIn.promptSpan} now={signIn.now}>
        {number ? (
          <output
            className="login-number"
            aria-label={say("login.asked.number", { number: spokenDigits(number) })}
          >
            {number}
          </output>
        ) : (
          <Mark />
        )}
      </CountdownRing>
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
