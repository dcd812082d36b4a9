import type { PhoneState } from "../../sdk";
import { Mark } from "../../theme/Mark";
import { Button } from "../Button";
import { Heading } from "../Heading";
import { ProblemNotice } from "../ProblemNotice";
import { Sign } from "../Sign";
import { Support } from "../Support";
import { Phrase, useSay } from "../texts";
import { endingOf } from "./endings";
import { useShownNumber } from "./useShownNumber";
import type { SmartResendActs } from "./useSmartResend";

/** How it ended: confirmed, or what happened and what to do. */
export function EndView({
  state,
  act,
  onBack,
}: {
  state: PhoneState;
  act: SmartResendActs;
  onBack: () => void;
}) {
  const say = useSay();
  const number = useShownNumber(state);
  if (state.phase === "approved") {
    const { problem, retryIn } = state;
    const elsewhere = problem?.code === "already_decided";
    return (
      <div className="nod-resend-end">
        <Mark nods />
        <Heading level={2}>{say("end.approved")}</Heading>
        {problem && !elsewhere ? (
          <ProblemNotice
            problem={problem}
            retryIn={retryIn}
            action={<NextStep state={state} act={act} />}
          />
        ) : (
          <p>
            <Phrase
              text={elsewhere ? "end.approved_elsewhere" : "end.approved_text"}
              slots={{ number: <bdi dir="ltr">{number}</bdi> }}
            />
          </p>
        )}
        {elsewhere && (
          <Button tone="quiet" onClick={onBack}>
            {say("entry.back")}
          </Button>
        )}
      </div>
    );
  }
  const ending = endingOf(state.status ?? { status: "canceled" });
  // The other ways ended with it; somebody to ask is still there.
  const support = state.status?.alternatives?.find(({ kind }) => kind === "support");
  return (
    <div className="nod-resend-end">
      <Sign icon={ending.icon} tone={ending.tone} />
      <Heading level={2}>{say(ending.title)}</Heading>
      <p>{say(ending.text)}</p>
      {support && <Support contact={support.label} />}
      <Button tone="accent" wide onClick={() => act.again()}>
        {say("end.again")}
      </Button>
      <Button tone="quiet" onClick={onBack}>
        {say("entry.back")}
      </Button>
    </div>
  );
}

// The page has no proof yet. What the server has forgotten can only be begun anew.
function NextStep({ state, act }: { state: PhoneState; act: SmartResendActs }) {
  const say = useSay();
  if (state.problem?.code === "expired") {
    return <Button onClick={() => act.again()}>{say("end.again")}</Button>;
  }
  return (
    <Button busy={state.busy === "finish"} onClick={() => void act.finish()}>
      {say("retry")}
    </Button>
  );
}
