import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Sign } from "../../component/Sign";
import { Mark } from "../../theme/Mark";
import type { Outcome } from "./model";

/** What became of a request, and the way back to the locked screen. */
export function OutcomeView({ outcome, onDone }: { outcome: Outcome; onDone: () => void }) {
  return (
    <div className="sheet sheet-outcome" role="dialog" aria-label={outcome.title}>
      {outcome.tone === "good" ? (
        <Mark nods />
      ) : (
        <Sign icon={outcome.tone === "problem" ? "warning" : "shield"} tone={outcome.tone} />
      )}
      <Heading>{outcome.title}</Heading>
      <p>{outcome.text}</p>
      <Button wide onClick={onDone}>
        Done
      </Button>
    </div>
  );
}
