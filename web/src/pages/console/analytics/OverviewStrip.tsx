import { Skeleton } from "../../../component/Skeleton";
import { count, percent, share, took } from "../numbers";
import type { Report } from "../useReport";
import type { Overview } from "./reports";

/** The period in one line of numbers. */
export function OverviewStrip({ report: { answer, old } }: { report: Report<Overview> }) {
  if (!answer) {
    return (
      <div className="pane overview" aria-busy>
        <Skeleton lines={2} />
      </div>
    );
  }
  const { totals, time_to_complete, without_sms } = answer;
  const { p50_seconds, p90_seconds } = time_to_complete;
  const timed = time_to_complete.n > 0;
  const figures: [string, string, string][] = [
    ["Started", count(totals.send_code), `${count(totals.resend_request)} sent again`],
    [
      "Success",
      percent(share(totals.verify_success, totals.send_code)),
      `${count(totals.verify_success)} approved`,
    ],
    [
      "Median time",
      took(timed ? p50_seconds : null),
      timed ? `9 of 10 up to ${took(p90_seconds)}` : "none approved yet",
    ],
    ["Without SMS", percent(without_sms.share), `${count(without_sms.logins)} sign-ins`],
  ];
  if (without_sms.saved !== null) {
    figures.push(["Saved", count(without_sms.saved), "at your prices"]);
  }
  return (
    <dl className="pane overview" aria-busy={old}>
      {figures.map(([name, value, note]) => (
        <div key={name} className="overview-one">
          <dt>{name}</dt>
          <dd className="overview-value">{value}</dd>
          <dd className="overview-note">{note}</dd>
        </div>
      ))}
    </dl>
  );
}
