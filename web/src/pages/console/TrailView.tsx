import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { Timeline } from "../../component/Timeline";
import { timelineLines } from "../../component/timeline";
import type { Row } from "./model";
import { StatusTag } from "./StatusTag";
import { useTimeline } from "./useTimeline";
import "./TrailView.css";

/** The whole life of one verification. */
export function TrailView({
  token,
  id,
  row,
}: {
  token: string;
  id: string | null;
  row: Row | null;
}) {
  const { events, problem } = useTimeline(token, id, row?.changedAt ?? "");
  return (
    <section className="pane trail" aria-labelledby="trail">
      <div className="pane-top">
        <h2 id="trail">Timeline</h2>
        {row && <StatusTag status={row.status} />}
      </div>
      {id && <code className="trail-id">{id}</code>}
      {!id && <p className="pane-empty">Choose a verification to see every step with its delay.</p>}
      {problem && (
        <Notice tone="problem" icon="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      {id && !problem && !events && <Skeleton lines={5} />}
      {events && <Timeline lines={timelineLines(events)} label="Timeline of the verification" />}
    </section>
  );
}
