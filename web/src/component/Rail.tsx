import { Icon, type IconName } from "../theme/Icon";
import type { Step } from "./rail";
import { useSay } from "./texts";
import "./Rail.css";

/** The ways to a person, in order, each with one plain sentence. */
export function Rail({ steps }: { steps: Step[] }) {
  const say = useSay();
  return (
    <ol className="nod-rail" aria-label={say("rail.label")}>
      {steps.map((step) => (
        <li key={step.kind} className="nod-rail-step" data-state={step.state} data-step={step.kind}>
          <span className="nod-rail-icon">
            <Icon name={sign(step)} />
          </span>
          <span className="nod-rail-words">
            <span className="nod-rail-name">{say(`rail.name.${step.kind}`)}</span>
            <span className="nod-spoken">{say(`rail.state.${step.state}`)}</span>
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
