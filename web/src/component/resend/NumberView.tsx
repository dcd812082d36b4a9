import type { PhoneState } from "../../sdk";
import { Button } from "../Button";
import { Heading } from "../Heading";
import { PhoneEntry } from "../PhoneEntry";
import { ProblemNotice } from "../ProblemNotice";
import { useSay } from "../texts";
import type { SmartResendActs } from "./useSmartResend";

/** Asks for the number to prove. */
export function NumberView({
  state,
  act,
  onBack,
}: {
  state: PhoneState;
  act: SmartResendActs;
  onBack: () => void;
}) {
  const say = useSay();
  const { problem, busy } = state;
  const atField = problem?.code === "invalid_phone";
  return (
    <>
      <div className="nod-resend-words">
        <Heading level={2}>{say("entry.title")}</Heading>
        <p>{say("entry.text")}</p>
      </div>
      {problem && !atField && <ProblemNotice problem={problem} retryIn={state.retryIn} />}
      <PhoneEntry
        initial={state.phoneNumber}
        sending={busy === "send"}
        disabled={busy !== null}
        submit={say("entry.send")}
        error={atField ? say("entry.refused") : undefined}
        onSubmit={(number) => void act.send(number)}
      />
      <Button tone="quiet" onClick={onBack}>
        {say("entry.back")}
      </Button>
    </>
  );
}
