import { useId } from "react";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { Icon, type IconName } from "../../theme/Icon";
import { useReport } from "./useReport";
import "./RecommendationsPane.css";

/** One piece of advice and what it rests on, as the server words it. */
export interface Recommendation {
  kind: "delay" | "wording" | "timing" | "channel" | "provider";
  title: string;
  text: string;
  /** How many cases it was seen in. */
  sample: number;
  evidence: { label: string; value: string }[];
}

const icons: Record<Recommendation["kind"], IconName> = {
  delay: "clock",
  wording: "sms",
  timing: "clock",
  channel: "app",
  provider: "signal",
};

/** What would help, in plain sentences with the numbers behind them. */
export function RecommendationsPane({ token, days }: { token: string; days: number }) {
  const { answer, off, problem } = useReport<{ recommendations: Recommendation[] }>(
    token,
    "recommendations",
    days,
  );
  return (
    <section className="pane advice" aria-labelledby="advice">
      <h3 id="advice">Recommendations</h3>
      {problem && (
        <Notice tone="problem" icon="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      {!answer && !off && !problem && <Skeleton lines={4} />}
      {off && (
        <p className="pane-empty">
          Nothing is counted here, so nothing can be advised: <code>ANALYTICS_ENABLED</code> is
          false.
        </p>
      )}
      {answer?.recommendations.length === 0 && (
        <p className="pane-empty">
          Nothing stands out. Advice appears here once a difference in the figures is too large for
          chance: between resend delays, languages, hours, channels or providers. Until then the
          settings are fine as they are.
        </p>
      )}
      {answer && answer.recommendations.length > 0 && (
        <ul className="advice-list">
          {answer.recommendations.map((one) => (
            <Advice key={`${one.kind} ${one.title}`} {...one} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Advice({ kind, title, text, sample, evidence }: Recommendation) {
  const id = useId();
  return (
    <li className="advice-one">
      <Icon name={icons[kind] ?? "dot"} />
      <article aria-labelledby={id}>
        <h4 id={id}>{title}</h4>
        <p>{text}</p>
        <dl>
          {evidence.map(({ label, value }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
          <div>
            <dt>Sample</dt>
            <dd>{sample.toLocaleString("en-US")}</dd>
          </div>
        </dl>
      </article>
    </li>
  );
}
