import { CountdownRing } from "../../component/CountdownRing";
import { groupsOf, spokenDigits } from "../../component/digits";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { Mark } from "../../theme/Mark";
import type { SignIn } from "./useSignIn";

/** The number to type on the phone, inside what is left of the request's time. */
export function RequestRing({ signIn, status }: { signIn: SignIn; status: StatusBody | null }) {
  const say = useSay();
  const number = status?.match_number;
  const ends = status?.prompt_expires_at ? Date.parse(status.prompt_expires_at) : null;
  return (
    <CountdownRing endsAt={ends} total={signIn.promptSpan} now={signIn.now}>
      {number ? (
        <output
          className="login-number"
          dir="ltr"
          aria-label={say("login.asked.number", { number: spokenDigits(number) })}
        >
          {groupsOf(number).map((group, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a group is its place
            <span key={place}>{group}</span>
          ))}
        </output>
      ) : (
        <Mark />
      )}
    </CountdownRing>
  );
}
