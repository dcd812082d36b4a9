import { useEffect, useState } from "react";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { type Trouble, trouble } from "../problem";
import { doneWords, type OperatorAct } from "./acts";
import { read } from "./session";
import { when } from "./when";
import "./ActsPane.css";

const shown = 20;

/** What operators did, newest first: who, when, and about which verification. */
export function ActsPane({
  token,
  heard,
  onChoose,
}: {
  token: string;
  /** Moves when an operator acted: the list is read again. */
  heard: number;
  onChoose: (id: string) => void;
}) {
  const { acts, problem } = useActs(token, heard);
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
              <span>
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
    <button type="button" className="outbox-link" onClick={() => onChoose(id)}>
      {doneWords(act)}
    </button>
  );
}

function useActs(token: string, heard: number) {
  const [acts, setActs] = useState<OperatorAct[] | null>(null);
  const [problem, setProblem] = useState<Trouble | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: an act is a reason to read again
  useEffect(() => {
    const abort = new AbortController();
    read<{ acts: OperatorAct[] }>(token, "/api/v1/operator-acts", abort.signal).then(
      (answer) => {
        setActs(answer.acts);
        setProblem(null);
      },
      (error) => {
        if (!abort.signal.aborted) setProblem(trouble(error));
      },
    );
    return () => abort.abort();
  }, [token, heard]);
  return { acts, problem };
}
