import { useState } from "react";
import { Columns } from "../Columns";
import { count, percent } from "../numbers";
import { Stacked } from "../Stacked";
import { useReport } from "../useReport";
import { ViewSwitch } from "../ViewSwitch";
import { hourName, hourWords, wholeDay } from "./hours";
import { ReportPane } from "./ReportPane";
import type { HourOfDay, Hours } from "./reports";

/** When people come, and when it works. */
export function HoursPane({ token, days }: { token: string; days: number }) {
  const report = useReport<Hours>(token, "hours", days);
  const [asTable, setAsTable] = useState(false);
  return (
    <ReportPane
      name="hours"
      title="Hours of the day, UTC"
      report={report}
      action={<ViewSwitch of="the hours" table={asTable} onTable={setAsTable} />}
    >
      {({ hours }) =>
        hours.length === 0 ? (
          <p className="pane-empty">
            Once people have come at different hours, here stands when, and how it went.
          </p>
        ) : asTable ? (
          <HourTable hours={wholeDay(hours)} />
        ) : (
          <HourBars hours={wholeDay(hours)} />
        )
      }
    </ReportPane>
  );
}

function HourBars({ hours }: { hours: HourOfDay[] }) {
  const most = Math.max(...hours.map(({ started }) => started));
  const [at, setAt] = useState<number | null>(null);
  const one = at === null ? null : hours[at];
  return (
    <>
      <div
        className="hours-bars"
        role="img"
        aria-label={hourWords(hours)}
        onPointerLeave={() => setAt(null)}
      >
        {hours.map(({ hour, started, successes }) => (
          <Stacked
            key={hour}
            whole={started}
            part={successes}
            most={most}
            onPoint={() => setAt(hour)}
          />
        ))}
      </div>
      <div className="hours-scale" aria-hidden="true">
        {[0, 6, 12, 18].map((hour) => (
          <span key={hour}>{hourName(hour)}</span>
        ))}
      </div>
      <p className="hours-keys" aria-hidden="true">
        <span className="hours-key">Approved</span>
        <span className="hours-key" data-kind="lost">
          Not approved
        </span>
      </p>
      <p className="pane-note hours-words">
        {one
          ? `${hourName(one.hour)}: ${count(one.started)} started, ${percent(one.started > 0 ? one.success_rate : null)} approved.`
          : hourWords(hours)}
      </p>
    </>
  );
}

function HourTable({ hours }: { hours: HourOfDay[] }) {
  return (
    <table className="numbers">
      <Columns names={["From", "Started", "Approved"]} />
      <tbody>
        {hours.map(({ hour, started, success_rate }) => (
          <tr key={hour}>
            <th scope="row">{hourName(hour)}</th>
            <td>{count(started)}</td>
            <td>{percent(started > 0 ? success_rate : null)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
