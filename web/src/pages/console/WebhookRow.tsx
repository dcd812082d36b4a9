import { Fragment } from "react";
import { Button } from "../../component/Button";
import { StatusTag } from "./StatusTag";
import type { WebhookMessage, Webhooks } from "./useWebhooks";
import { webhookWords } from "./webhooks";
import { when } from "./when";
import "./WebhookRow.css";

/** One event on its way to the integrator: how it does, and a button that sends it again. */
export function WebhookRow({
  message,
  webhooks,
  onChoose,
}: {
  message: WebhookMessage;
  webhooks: Webhooks;
  /** Leads to its verification; without it the name is no link. */
  onChoose?: (id: string) => void;
}) {
  const { report, busy } = webhooks;
  const { verification_id: id, type, created_at } = message;
  if (!report) return null;
  return (
    <li className="webhook">
      <span className="webhook-time">{when(created_at)}</span>
      <StatusTag status={message.state} />
      <span className="webhook-type">
        {id && onChoose ? (
          <button type="button" className="pane-link" onClick={() => onChoose(id)}>
            <EventName name={type} />
          </button>
        ) : (
          <EventName name={type} />
        )}
      </span>
      <span className="webhook-words">{webhookWords(message, report)}</span>
      <Button
        tone="quiet"
        disabled={busy || Boolean(report.disabled_at)}
        aria-label={`Replay ${type} of ${when(created_at)}`}
        onClick={() => webhooks.replay(message)}
      >
        Replay
      </Button>
    </li>
  );
}

// Breaks between its words only: after a dot or an underscore.
function EventName({ name }: { name: string }) {
  return name.split(/(?<=[._])/).map((word) => (
    <Fragment key={word}>
      {word}
      <wbr />
    </Fragment>
  ));
}
