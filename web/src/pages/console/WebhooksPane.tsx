import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { timeOfDay } from "../../component/time";
import type { Webhooks } from "./useWebhooks";
import { WebhookRow } from "./WebhookRow";
import { countWords } from "./webhooks";
import "./WebhooksPane.css";

const shown = 10;

/** What the integrator is told, and what can be done when it is not. */
export function WebhooksPane({
  webhooks,
  onChoose,
}: {
  webhooks: Webhooks;
  onChoose: (id: string) => void;
}) {
  const { report, problem, said, busy } = webhooks;
  const disabled = Boolean(report?.disabled_at);
  const undelivered = (report?.counts.failed ?? 0) + (report?.counts.held ?? 0) > 0;
  return (
    <section className="pane webhooks" aria-labelledby="webhooks">
      <div className="pane-top">
        <h2 id="webhooks">Webhooks</h2>
        {report?.on && !disabled && (
          <div className="webhooks-do">
            {undelivered && (
              <Button disabled={busy} onClick={webhooks.replayAll}>
                Replay what was not delivered
              </Button>
            )}
            <Button disabled={busy} onClick={webhooks.test}>
              Send a test
            </Button>
          </div>
        )}
      </div>
      {problem && (
        <Notice tone="problem" icon="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      {report?.disabled_at && (
        <Notice
          icon="pause"
          title={`${report.host} wants no more webhooks`}
          action={
            <Button tone="accent" busy={busy} onClick={webhooks.enable}>
              Enable
            </Button>
          }
        >
          It answered 410 Gone at {timeOfDay(report.disabled_at, false)}. Events are held here and
          none is lost. Mend the receiver, then enable it.
        </Notice>
      )}
      <p className="webhooks-state" role="status">
        {said}
      </p>
      <Messages webhooks={webhooks} onChoose={onChoose} />
    </section>
  );
}

function Messages({ webhooks, onChoose }: { webhooks: Webhooks; onChoose: (id: string) => void }) {
  const { report, problem } = webhooks;
  if (!report) return problem ? null : <Skeleton lines={3} />;
  if (!report.on) {
    return (
      <p className="pane-empty">
        Your own server can be told of every event. Set <code>NOD_WEBHOOK_URL</code> and{" "}
        <code>NOD_WEBHOOK_SECRET</code>, then start nod again.
      </p>
    );
  }
  if (report.messages.length === 0) {
    return <p className="pane-empty">Each event that {report.host} is told appears here.</p>;
  }
  return (
    <>
      <p className="webhooks-state">
        To {report.host}: {countWords(report)}.
      </p>
      <ul className="webhooks-list">
        {report.messages.slice(0, shown).map((message) => (
          <WebhookRow key={message.id} message={message} webhooks={webhooks} onChoose={onChoose} />
        ))}
      </ul>
    </>
  );
}
