import { useId } from "react";
import { Icon, type IconName } from "../../theme/Icon";
import { ReportPane } from "./analytics/ReportPane";
import { countriesNamed } from "./channels";
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
  channel: "voice",
  provider: "signal",
};

/** What would help, in plain sentences with the numbers behind them. */
export function RecommendationsPane({ token, days }: { token: string; days: number }) {
  const report = useReport<{ recommendations: Recommendation[] }>(token, "recommendations", days);
  return (
    <ReportPane name="advice" title="Recommendations" report={report} lines={4}>
      {({ recommendations }) =>
        recommendations.length === 0 ? (
          <p className="pane-empty">
            Nothing stands out in these days. Resend delays, languages, hours, channels and
            providers are compared with each other. Enough evidence is at least 50 cases on either
            side, 5 points between them (20 between delays), and at most one chance in a hundred
            that nothing is behind it.
          </p>
        ) : (
          <ul className="advice-list">
            {recommendations.map((one) => (
              <Advice key={`${one.kind} ${one.title}`} {...one} />
            ))}
          </ul>
        )
      }
    </ReportPane>
  );
}

function Advice({ kind, title, text, sample, evidence }: Recommendation) {
  const id = useId();
  const rows = [...evidence, { label: "Sample", value: sample.toLocaleString("en-US") }];
  return (
    <li>
      <article className="advice-one" aria-labelledby={id}>
        <Icon name={icons[kind] ?? "dot"} />
        <div>
          <h4 id={id}>{countriesNamed(title)}</h4>
          <p>{settingsMarked(countriesNamed(text))}</p>
        </div>
        <dl>
          {rows.map(({ label, value }) => (
            <div key={label}>
              <dt>{countriesNamed(label)}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </article>
    </li>
  );
}

// Names of settings stand out, so that they are found and copied.
function settingsMarked(text: string) {
  return text
    .split(/(NOD_[A-Z_]+(?:=\w+(?:,\w+)*)?)/)
    .map((part, place) => (place % 2 === 1 ? <code key={part}>{part}</code> : part));
}
