import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { doneWords, type OperatorAct } from "./acts";
import type { Acts } from "./useActs";
import { when } from "./when";
import "./ActsPane.css";

const shown = 20;

/** What operators did, newest first: who, when, and about which verification. */
export function ActsPane({
  acts: { acts, problem },
  onChoose,
}: {
  acts: Acts;
  onChoose: (id: string) => void;
}) {
  return (
    <section className="pane acts" aria-labelledby="acts">
      <h2 id="acts">Operators</h2>
      {problem && (
        <Notice tone="problem" icon="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      {!acts && !problem && <Skeleton lines={3} />}
      {acts?.length === 0 && (
        <p className="pane-empty">
          Whatever an operator does stands here for all of them to see: who canceled, blocked,
          unlocked or replayed what, and when.
        </p>
      )}
      {acts && acts.length > 0 && (
        <ul className="acts-list" aria-label="What operators did">
          {acts.slice(0, shown).map((act) => (
            <li key={`${act.at} ${act.action} ${act.by}`} className="act">
              <span className="act-time">{when(act.at)}</span>
              <span className="act-words">
                <Words act={act} onChoose={onChoose} />
              </span>
              <code>{act.by}</code>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Words({ act, onChoose }: { act: OperatorAct; onChoose: (id: string) => void }) {
  const id = act.verification_id;
  if (!id) return doneWords(act);
  return (
    <button type="button" className="pane-link" onClick={() => onChoose(id)}>
      {doneWords(act)}
    </button>
  );
}
