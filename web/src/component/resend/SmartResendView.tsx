import type { PhoneState } from "../../sdk";
import { Announcer } from "../Announcer";
import { useSay } from "../texts";
import { EndView } from "./EndView";
import { LoadingView } from "./LoadingView";
import { NumberView } from "./NumberView";
import { OpenView } from "./OpenView";
import { resultSpoken, stepSpoken } from "./spoken";
import type { SmartResendActs } from "./useSmartResend";
import "../../theme/tokens.css";
import "./resend.css";

/**
 * Draws the proof of a number from its state alone. The live component gives it the state of the
 * hook; a page of stories gives it any.
 */
export function SmartResendView({
  state,
  act,
  now,
  onBack,
  patience = 4000,
}: {
  state: PhoneState;
  act: SmartResendActs;
  /** The server's time in epoch milliseconds. */
  now: () => number;
  /** The person leaves the part. */
  onBack: () => void;
  /** For how many milliseconds a lost connection is not worth a word. */
  patience?: number;
}) {
  const say = useSay();
  return (
    <section
      className="nod nod-resend"
      data-phase={state.phase}
      lang={say.language}
      dir={say.dir}
      aria-label={say("entry.title")}
      aria-busy={(state.phase === "loading" && !state.problem) || undefined}
    >
      <div className="nod-resend-card">
        {state.phase === "loading" && <LoadingView state={state} onBack={onBack} />}
        {state.phase === "entry" && <NumberView state={state} act={act} onBack={onBack} />}
        {state.phase === "open" && state.status && (
          <OpenView state={state} status={state.status} act={act} now={now} patience={patience} />
        )}
        {(state.phase === "approved" || state.phase === "ended") && (
          <EndView state={state} act={act} onBack={onBack} />
        )}
      </div>
      <Announcer polite={stepSpoken(say, state)} assertive={resultSpoken(say, state)} />
    </section>
  );
}
