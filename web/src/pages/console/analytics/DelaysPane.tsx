import { Bar } from "../Bar";
import { Columns } from "../Columns";
import { count, percent, took } from "../numbers";
import type { Report } from "../useReport";
import { ReportPane } from "./ReportPane";
import type { Delays } from "./reports";

/** What sending again is worth after each delay. */
export function DelaysPane({ report }: { report: Report<Delays> }) {
  return (
    <ReportPane name="delays" title="Delay effectiveness" report={report}>
      {({ steps }) =>
        steps.length === 0 ? (
          <p className="pane-empty">
            Once people send again, here stands how often it helped after each delay.
          </p>
        ) : (
          <>
            <table className="numbers">
              <Columns names={["Sent again", "Times", "Helped"]} />
              <tbody>
                {steps.map(({ delay_seconds, resends, success_rate }) => (
                  <tr key={delay_seconds}>
                    <th scope="row">
                      {delay_seconds === 0 ? "At once" : `After ${took(delay_seconds)}`}
                      <Bar share={success_rate} />
                    </th>
                    <td>{count(resends)}</td>
                    <td>{percent(success_rate)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            <p className="pane-note">
              It helped where a code was typed afterwards and none was sent again.
            </p>
          </>
        )
      }
    </ReportPane>
  );
}
