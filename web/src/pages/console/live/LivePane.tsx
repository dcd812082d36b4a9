import { useEffect, useMemo, useRef, useState } from "react";
import { timeOfDay } from "../../../component/time";
import { Columns } from "../Columns";
import type { Together } from "../nodes";
import type { Now } from "../now";
import { count, rate } from "../numbers";
import { ViewSwitch } from "../ViewSwitch";
import { ChannelsNow } from "./ChannelsNow";
import type { Chart } from "./chart";
import {
  type Kind,
  kinds,
  minutesOf,
  type Sample,
  type Series,
  seriesOf,
  seriesWords,
} from "./series";
import "../Numbers.css";
import "./LivePane.css";

const names: Record<Kind, string> = {
  sends: "Sent",
  successes: "Approved",
  failures: "Not approved",
};

/** The last minutes as they pass: what a second brings, and how each channel does in this hour. */
export function LivePane({ now, all }: { now: Now; all: Together | null }) {
  const { samples } = now;
  const [asTable, setAsTable] = useState(false);
  const [point, setPoint] = useState<number | null>(null);
  // A page that is older than the server may not find the chart's code any more.
  const [drawable, setDrawable] = useState(true);
  const series = useMemo(() => seriesOf(samples), [samples]);
  const at = point !== null && point < series.at.length ? point : series.at.length - 1;
  return (
    <section className="pane live" aria-labelledby="live">
      <div className="live-sides">
        <div className="live-lines">
          <div className="pane-top">
            <h2 id="live">Per second</h2>
            <dl className="live-keys">
              {kinds.map((kind) => (
                <div key={kind} className="live-key" data-kind={kind}>
                  <dt>{names[kind]}</dt>
                  <dd>{rate(series[kind][at] ?? null)}</dd>
                </div>
              ))}
            </dl>
            {drawable && <ViewSwitch of="the last minutes" table={asTable} onTable={setAsTable} />}
          </div>
          <div className="live-box">
            {series.at.length === 0 ? (
              <p className="pane-empty">
                What each second brings is drawn here as it happens, five minutes long.
              </p>
            ) : asTable || !drawable ? (
              <MinuteTable samples={samples} />
            ) : (
              <LiveChart
                series={series}
                label={seriesWords(samples)}
                onPoint={setPoint}
                onFailed={() => setDrawable(false)}
              />
            )}
          </div>
        </div>
        <ChannelsNow sends={now.pulse?.sends ?? null} all={all} />
      </div>
    </section>
  );
}

function LiveChart({
  series,
  label,
  onPoint,
  onFailed,
}: {
  series: Series;
  label: string;
  onPoint: (at: number | null) => void;
  onFailed: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  const latest = useRef(series);
  latest.current = series;
  const failed = useRef(onFailed);
  failed.current = onFailed;
  useEffect(() => {
    let gone = false;
    import("./chart")
      .then(({ drawChart }) => {
        if (!gone && box.current) chart.current = drawChart(box.current, latest.current, onPoint);
      })
      .catch(() => failed.current());
    return () => {
      gone = true;
      chart.current?.remove();
      chart.current = null;
    };
  }, [onPoint]);
  useEffect(() => chart.current?.set(series), [series]);
  return <div ref={box} className="live-chart" role="img" aria-label={label} />;
}

function MinuteTable({ samples }: { samples: readonly Sample[] }) {
  return (
    <table className="numbers">
      <Columns names={["Minute", ...kinds.map((kind) => names[kind])]} />
      <tbody>
        {minutesOf(samples).map((minute) => (
          <tr key={minute.from}>
            <th scope="row">{timeOfDay(minute.from, false)}</th>
            {kinds.map((kind) => (
              <td key={kind}>{count(minute[kind])}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
