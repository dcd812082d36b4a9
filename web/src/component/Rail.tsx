import { Icon, type IconName } from "../theme/Icon";
import type { Step } from "./rail";
import "./Rail.css";

const names = { app: "App", push: "Push", sms: "SMS", voice: "Call", email: "E-mail" } as const;
const states = { quiet: "waiting", active: "under way", done: "done", failed: "not possible" };

/** The ways to a person, in order, each with one plain sentence. */
export function Rail({ steps }: { steps: Step[] }) {
  return (
    <ol className="nod-rail" aria-label="Ways to reach you">
      {steps.map((step) => (
        <li key={step.kind} className="nod-rail-step" data-state={step.state} data-step={step.kind}>
          <span className="nod-rail-icon">
            <Icon name={sign(step)} />
          </span>
          <span className="nod-rail-words">
            <span className="nod-rail-name">
              {names[step.kind]}
              <span className="nod-spoken">, {states[step.state]}: </span>
            </span>
            <span className="nod-rail-sentence">{step.sentence}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

// The state is drawn as a sign too, never by colour alone.
function sign(step: Step): IconName {
  if (step.state === "done") return "check";
  if (step.state === "failed") return "cross";
  return step.kind;
}
