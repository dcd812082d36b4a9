import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { timeOfDay } from "../../component/time";
import { Icon } from "../../theme/Icon";
import type { Message, Outbox } from "./useOutbox";
import "./OutboxList.css";

/** Messages as a phone would have got them, while they are simulated. */
export function OutboxList({
  outbox,
  onChoose,
}: {
  outbox: Outbox;
  onChoose: (id: string) => void;
}) {
  return (
    <section className="pane outbox" aria-labelledby="outbox">
      <h2 id="outbox">Outbox</h2>
      {outbox.problem && (
        <Notice tone="problem" icon="warning" title={outbox.problem.title}>
          {outbox.problem.text}
        </Notice>
      )}
      <Messages outbox={outbox} onChoose={onChoose} />
    </section>
  );
}

function Messages({ outbox, onChoose }: { outbox: Outbox; onChoose: (id: string) => void }) {
  const { messages, problem } = outbox;
  if (!messages) return problem ? null : <Skeleton lines={4} />;
  if (messages.length === 0) {
    return (
      <p className="pane-empty">
        Simulated messages appear here instead of being sent: a notification or an SMS, as the phone
        would show it.
      </p>
    );
  }
  return (
    <ul className="outbox-list">
      {messages.map((message) => (
        <li key={message.id} className="outbox-message">
          <Icon name={message.channel} />
          <div>
            <p className="outbox-to">
              <span>{message.to}</span>
              <span>{timeOfDay(message.at)}</span>
            </p>
            <p className="outbox-text">{textOf(message)}</p>
            {message.verification_id && (
              <button
                type="button"
                className="pane-link"
                onClick={() => onChoose(message.verification_id ?? "")}
              >
                Show its timeline
              </button>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

function textOf(message: Message): string {
  return message.text || [message.title, message.body].filter(Boolean).join(": ") || "A request";
}
