import { memo } from "react";
import { Notice } from "../../../component/Notice";
import { Choice } from "../Choice";
import { RecommendationsPane } from "../RecommendationsPane";
import { type Report, useReport } from "../useReport";
import { ArrivalPane } from "./ArrivalPane";
import { ConversionPane } from "./ConversionPane";
import { DelaysPane } from "./DelaysPane";
import { FunnelPane } from "./FunnelPane";
import { HoursPane } from "./HoursPane";
import { OverviewStrip } from "./OverviewStrip";
import { periods, usePeriod } from "./period";
import type { Delays, Overview } from "./reports";
import "../Numbers.css";
import "./Analytics.css";
import "./panes.css";

const options = periods.map((days) => ({
  value: days,
  label: days === "1" ? "Since yesterday" : `${days} days`,
}));

/** What the server counted over some days, and what it advises. Told are groups, never people. */
export const Analytics = memo(function Analytics({ token }: { token: string }) {
  const [period, choose] = usePeriod();
  const days = Number(period);
  const report = useReport<Overview>(token, "overview", days);
  const overview = report.answer;
  if (report.off) return <Off />;
  return (
    <section className="analytics" aria-labelledby="analytics">
      <header className="analytics-top">
        <h2 id="analytics">{days === 1 ? "Since yesterday" : `The last ${days} days`}</h2>
        {overview?.hidden && (
          <p className="analytics-hidden">Groups under 5 people are not shown.</p>
        )}
        <Choice legend="Period" options={options} value={period} onChange={choose} />
      </header>
      {overview?.totals.send_code === 0 ? (
        <Nothing hidden={overview.hidden} />
      ) : report.problem && !overview ? (
        <Notice tone="problem" icon="warning" title={report.problem.title}>
          {report.problem.text} It is tried again every 30 seconds.
        </Notice>
      ) : (
        <Panes token={token} days={days} report={report} />
      )}
    </section>
  );
});

function Panes({ token, days, report }: { token: string; days: number; report: Report<Overview> }) {
  const delays = useReport<Delays>(token, "delays", days);
  return (
    <div className="analytics-panes">
      <OverviewStrip report={report} />
      <FunnelPane report={report} />
      <DelaysPane report={delays} />
      <HoursPane token={token} days={days} />
      <RecommendationsPane token={token} days={days} />
      <ArrivalPane report={delays} />
      <ConversionPane token={token} days={days} />
    </div>
  );
}

function Off() {
  return (
    <section className="analytics" aria-label="Analytics">
      <Notice icon="pause" title="Analytics is switched off">
        Nothing is counted, so there is nothing to learn from. Set{" "}
        <code>ANALYTICS_ENABLED=true</code> and start nod again.
      </Notice>
    </section>
  );
}

function Nothing({ hidden }: { hidden: boolean }) {
  return (
    <div className="pane analytics-nothing">
      <p className="pane-empty">
        {hidden
          ? "Fewer than 5 people were asked in these days, so nothing is told of them."
          : "Nobody was asked in these days."}{" "}
        Once at least 5 were, here stand the funnel, what each delay is worth, the hours, the
        channels, and what would help.
      </p>
    </div>
  );
}
