import { Bar } from "../Bar";
import { Columns } from "../Columns";
import { count, percent } from "../numbers";
import type { Report } from "../useReport";
import { funnelOf, type Step } from "./funnel";
import { ReportPane } from "./ReportPane";
import type { Overview } from "./reports";

/** From started to approved, and where the others went. */
export function FunnelPane({ report }: { report: Report<Overview> }) {
  return (
    <ReportPane name="funnel" title="Funnel" report={report}>
      {(overview) => {
        const { steps, exits } = funnelOf(overview);
        return (
          <table className="numbers funnel-table">
            <Columns names={["Step", "Verifications", "Share"]} spoken />
            <tbody>
              {steps.map((step) => (
                <Line key={step.name} step={step} bar />
              ))}
            </tbody>
            <tbody className="funnel-exits">
              {exits.map((step) => (
                <Line key={step.name} step={step} />
              ))}
            </tbody>
          </table>
        );
      }}
    </ReportPane>
  );
}

function Line({ step: { name, n, share }, bar = false }: { step: Step; bar?: boolean }) {
  return (
    <tr>
      <th scope="row">
        {name}
        {bar && <Bar share={share} />}
      </th>
      <td>{count(n)}</td>
      <td>{percent(share)}</td>
    </tr>
  );
}
