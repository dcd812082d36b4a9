import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Icon } from "../../theme/Icon";
import { Mark } from "../../theme/Mark";
import type { Outcome } from "./model";

/** What became of a request, and the way back to the locked screen. */
export function OutcomeView({ outcome, onDone }: { outcome: Outcome; onDone: () => void }) {
  return (
    <div className="sheet sheet-outcome" role="dialog" aria-label={outcome.title}>
      {outcome.tone === "good" ? (
        <Mark nods />
      ) : (
        <span className="outcome-sign" data-tone={outcome.tone}>
          <Icon name={outcome.tone === "problem" ? "warning" : "shield"} />
        </span>
      )}
      <Heading>{outcome.title}</Heading>
      <p>{outcome.text}</p>
      <Button wide onClick={onDone}>
        Done
      </Button>
    </div>
  );
}
