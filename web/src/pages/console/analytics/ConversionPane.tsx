import { useState } from "react";
import { countryName } from "../../../component/country";
import { Icon } from "../../../theme/Icon";
import { Bar } from "../Bar";
import { Choice } from "../Choice";
import { Columns } from "../Columns";
import { byLadder, canFail, channelIcon, channelName } from "../channels";
import { count, percent, share, took } from "../numbers";
import { useReport } from "../useReport";
import { ReportPane } from "./ReportPane";
import type { Channels, Conversion } from "./reports";

const views = [
  { value: "channels", label: "Channels" },
  { value: "countries", label: "Countries" },
  { value: "providers", label: "Providers" },
] as const;
type View = (typeof views)[number]["value"];

const shown = 8;

/** What becomes of messages: by channel, by country, by provider. */
export function ConversionPane({ token, days }: { token: string; days: number }) {
  const report = useReport<Channels>(token, "channels", days);
  const [view, setView] = useState<View>("channels");
  return (
    <ReportPane
      name="conversion"
      title="What becomes of messages"
      report={report}
      action={<Choice legend="Tell apart by" options={views} value={view} onChange={setView} />}
    >
      {(channels) => <Conversions rows={channels[view]} other={channels.other} view={view} />}
    </ReportPane>
  );
}

function Conversions({
  rows,
  other,
  view,
}: {
  rows: Conversion[];
  other: Conversion | null;
  view: View;
}) {
  if (rows.length === 0 && !other) {
    return (
      <p className="pane-empty">
        Once 5 people or more were sent messages, here stands what became of them.
      </p>
    );
  }
  const app = rows.find(({ channel }) => !canFail(channel));
  const sorted = [...rows].sort(view === "channels" ? byLadder : (a, b) => b.sends - a.sends);
  const rest = sorted.slice(shown);
  return (
    <>
      <table className="numbers conversion-table">
        <Columns names={[heads[view], ...measures]} />
        <tbody>
          {sorted.slice(0, shown).map((row) => (
            <Line key={nameOf(row)} row={row} />
          ))}
          {other && <Line row={other} />}
        </tbody>
      </table>
      {app && app.failed > 0 && (
        <p className="pane-note">
          For {percent(lost(app))} of requests no phone was connected, and the next channel was
          taken.
        </p>
      )}
      {rest.length > 0 && (
        <details className="more">
          <summary>{rest.length} more</summary>
          <table className="numbers conversion-table">
            <Columns names={[heads[view], ...measures]} />
            <tbody>
              {rest.map((row) => (
                <Line key={nameOf(row)} row={row} />
              ))}
            </tbody>
          </table>
        </details>
      )}
    </>
  );
}

const heads: Record<View, string> = {
  channels: "Channel",
  countries: "Country",
  providers: "Provider",
};
const measures = ["Sent", "Arrived", "Failed", "Approved", "Median", "9 of 10"];

function Line({ row }: { row: Conversion }) {
  const timed = row.successes > 0;
  return (
    <tr>
      <th scope="row">
        {row.channel && <Icon name={channelIcon(row.channel)} />} {nameOf(row)}
        <Bar share={row.success_rate} />
      </th>
      <td>{count(row.sends)}</td>
      <td>{percent(share(row.delivered, row.sends))}</td>
      <td>{canFail(row.channel) ? percent(lost(row)) : "–"}</td>
      <td>{percent(row.success_rate)}</td>
      <td>{took(timed ? row.p50_seconds : null)}</td>
      <td>{took(timed ? row.p90_seconds : null)}</td>
    </tr>
  );
}

function lost({ failed, sends }: Conversion): number | null {
  return share(failed, sends + failed);
}

// What tells a row apart; the one of all that may not be told apart has nothing.
function nameOf({ channel, country, provider }: Conversion): string {
  const words = [
    provider ?? (channel && channelName(channel)),
    country && countryName(country),
  ].filter(Boolean);
  return words.length > 0 ? words.join(", ") : "Others, too few each";
}
