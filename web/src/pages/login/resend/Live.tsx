import { useEffect, useState } from "react";
import { Notice } from "../../../component/Notice";
import { SmartResendVerification } from "../../../component/resend/SmartResendVerification";
import type { Proof } from "../../../component/resend/useSmartResend";
import { Skeleton } from "../../../component/Skeleton";
import { useSay } from "../../../component/texts";
import { Rest } from "../../../sdk";
import { asPerson, ensurePerson, type Person } from "../../person";
import type { Trouble } from "../../problem";
import { signInTrouble } from "../trouble";

const rest = new Rest({ baseUrl: location.origin });

/** The component at work for the demo person: the bank gives the tokens and redeems the proof. */
export function Live() {
  const say = useSay();
  const [person, setPerson] = useState<Person | null>(null);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const [known, setKnown] = useState<string | null>(null);
  useEffect(() => {
    ensurePerson().then(setPerson, (error) => setProblem(signInTrouble(say, error)));
  }, [say]);

  const fetchToken = async () => {
    const headers = asPerson(person?.demo_token ?? "");
    const answer = await rest.call<{ token: string }>("POST", "/demo/user-tokens", {
      body: {},
      headers,
    });
    return answer.token;
  };
  const redeem = async (_number: string, { verificationId, resultToken }: Proof) => {
    if (!person) return;
    try {
      const answer = await rest.call<{ phone_number: string }>(
        "POST",
        `/demo/numbers/${verificationId}/finish`,
        { body: { result_token: resultToken }, headers: asPerson(person.demo_token) },
      );
      setKnown(answer.phone_number);
    } catch (error) {
      setProblem(signInTrouble(say, error));
    }
  };
  return (
    <>
      {problem && (
        <Notice tone="problem" icon="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      {person ? (
        <SmartResendVerification
          baseUrl={location.origin}
          fetchToken={fetchToken}
          locale={say.language}
          initialPhoneNumber={person.phone_number}
          onVerificationSuccess={(number, proof) => void redeem(number, proof)}
          onBack={() => location.assign("/login")}
        />
      ) : (
        !problem && <Skeleton lines={4} />
      )}
      {known && <p className="resend-known">{say("login.number_known", { number: known })}</p>}
    </>
  );
}
