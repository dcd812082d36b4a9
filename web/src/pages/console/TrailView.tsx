import { useRef } from "react";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { Timeline } from "../../component/Timeline";
import { timelineLines } from "../../component/timeline";
import { isLocked } from "./acts";
import { factsOf, statusOf } from "./facts";
import type { Row } from "./model";
import { StatusTag } from "./StatusTag";
import { useShortcut } from "./shortcuts";
import { TrailActions } from "./TrailActions";
import { useTimeline } from "./useTimeline";
import type { Webhooks } from "./useWebhooks";
import { WebhookRow } from "./WebhookRow";
import "./TrailView.css";

/**
 * The whole life of one verification: what it is, what an operator may do about it, every step while
 * it happens, and what the integrator was told. The key "t" comes here.
 */
export function TrailView({
  token,
  id,
  row,
  webhooks,
  onActed,
}: {
  token: string;
  id: string | null;
  /** What the list knows of it, if it stands there. */
  row: Row | null;
  webhooks: Webhooks;
  /** An operator did something about it here. */
  onActed: () => void;
}) {
  const trail = useTimeline(token, id, row);
  const heading = useRef<HTMLHeadingElement>(null);
  useShortcut("t", () => heading.current?.focus());
  const { events, problem } = trail;
  const status = statusOf(events, trail.row);
  return (
    <section className="pane trail" aria-labelledby="trail">
      <div className="pane-top">
        <h2 id="trail" ref={heading} tabIndex={-1}>
          Timeline
        </h2>
        {status && <StatusTag status={status} />}
      </div>
      {id && <code className="trail-id">{id}</code>}
      {!id && (
        <p className="pane-empty">
          Choose a verification to see every step with its delay, and what can be done about it.
        </p>
      )}
      {problem && (
        <Notice tone="problem" icon="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      {id && !problem && !events && <Skeleton lines={5} />}
      {id && events && (
        <>
          <dl className="trail-facts">
            {factsOf(events, trail.row).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <TrailActions
            key={id}
            token={token}
            id={id}
            row={trail.row}
            open={status === "pending"}
            locked={isLocked(events, Date.now())}
            onActed={() => {
              trail.again();
              onActed();
            }}
          />
          <Timeline lines={timelineLines(events)} label="Timeline of the verification" />
          <Told id={id} webhooks={webhooks} />
        </>
      )}
    </section>
  );
}

/** What the integrator was told of it, among the last hundred webhooks. */
function Told({ id, webhooks }: { id: string; webhooks: Webhooks }) {
  const told = webhooks.report?.messages.filter((message) => message.verification_id === id);
  if (!told || told.length === 0) return null;
  return (
    <>
      <h3 className="trail-told">Webhooks of it</h3>
      <ul aria-label="Webhooks of this verification">
        {told.map((message) => (
          <WebhookRow key={message.id} message={message} webhooks={webhooks} />
        ))}
      </ul>
    </>
  );
}
