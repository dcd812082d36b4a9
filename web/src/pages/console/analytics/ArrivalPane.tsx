import { countryName } from "../../../component/country";
import { Columns } from "../Columns";
import { took } from "../numbers";
import type { Report } from "../useReport";
import { ReportPane } from "./ReportPane";
import type { Delays } from "./reports";

const shown = 5;

/** How long an SMS takes to the phone, by country, beside what is waited before another. */
export function ArrivalPane({ report }: { report: Report<Delays> }) {
  return (
    <ReportPane name="arrival" title="How soon an SMS arrives" report={report}>
      {({ delivery, delays }) => {
        if (delivery.length === 0) {
          return (
            <p className="pane-empty">
              Once providers confirm that an SMS arrived, here stands how soon, by country.
            </p>
          );
        }
        const rows = [...delivery].sort((a, b) => b.messages - a.messages);
        return (
          <>
            <Countries rows={rows.slice(0, shown)} delays={delays} />
            {rows.length > shown && (
              <details className="more">
                <summary>{rows.length - shown} more</summary>
                <Countries rows={rows.slice(shown)} delays={delays} />
              </details>
            )}
            <p className="pane-note">
              Waits: before each resend under <code>NOD_RESEND_DELAYS=auto</code>.
            </p>
          </>
        );
      }}
    </ReportPane>
  );
}

function waits(delay: Delays["delays"][number] | undefined): string {
  return delay ? `${delay.seconds.join(", ")} s` : "–";
}

function Countries({ rows, delays }: { rows: Delays["delivery"]; delays: Delays["delays"] }) {
  return (
    <table className="numbers">
      <Columns names={["Country", "Median", "9 of 10", "Waits"]} />
      <tbody>
        {rows.map(({ country, p50_seconds, p90_seconds }) => (
          <tr key={country}>
            <th scope="row">{countryName(country)}</th>
            <td>{took(p50_seconds)}</td>
            <td>{took(p90_seconds)}</td>
            <td>{waits(delays.find((one) => one.country === country))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
