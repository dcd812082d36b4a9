import type { ReactNode } from "react";
import { timeOfDay } from "../../component/time";
import { justBegun, type Row, summary } from "./model";
import { providerWords, socketWords, type Together } from "./nodes";
import type { Now } from "./now";
import { count, percent, took } from "./numbers";
import {
  isCounted,
  lostNow,
  type Pulse,
  queueNow,
  startedNow,
  successNow,
  type Told,
} from "./pulse";
import { Spark } from "./Spark";
import "./FiguresRow.css";

/** The numbers, one glance: this hour beside the same hour of other days, and how the house is. */
export function FiguresRow({
  now: { nodes, pulse, hours },
  all,
  rows,
  connected,
}: {
  now: Now;
  all: Together | null;
  rows: Row[];
  connected: boolean;
}) {
  const heardAt = Math.max(...Object.values(nodes).map(({ at }) => at));
  const sockets = all && Object.values(all.sessions).reduce((sum, n) => sum + n, 0);
  return (
    <section className="figures" aria-label="Figures" data-old={connected ? undefined : ""}>
      <dl>
        {countsOf(pulse, rows).map(([name, told]) => (
          <Figure key={name} name={name} {...told}>
            {name === STARTED && <Spark hours={hours} />}
          </Figure>
        ))}
        <Figure
          name="Open sockets"
          value={all && count(sockets)}
          note={all ? socketWords(all) : ""}
        />
        <Figure name="Waiting to be sent" {...queueNow(pulse?.queue)} />
        <Figure name="Providers" {...(all ? providerWords(all) : waiting)} />
      </dl>
      {!connected && all && (
        <p className="figures-note" role="status">
          Nothing was heard from the server since {timeOfDay(heardAt)}. These are the figures of
          then; they go on once it can be reached.
        </p>
      )}
      {connected && pulse?.stale && (
        <p className="figures-note" role="status">
          The database has not answered since {timeOfDay(pulse.server_time)}. These are the figures
          of then; they go on by themselves.
        </p>
      )}
      {all && all.skipped > 0 && (
        <p className="figures-note">
          {count(all.skipped)} more events in the last second than can be shown.
        </p>
      )}
    </section>
  );
}

const STARTED = "Started this hour";
const waiting: Told = { value: null, note: "" };

/** What was counted in this hour; where nothing is counted, what the list below shows. */
function countsOf(pulse: Pulse | null, rows: Row[]): [string, Told][] {
  if (pulse && !pulse.enabled) {
    const { open, lost, success, medianMs, withoutSms } = summary(rows);
    const seen = rows.length > 0 ? `of the last ${rows.length} in the list` : "none seen yet";
    return [
      ["Success", { value: percent(success), note: seen }],
      ["Open now", { value: count(open), note: seen }],
      ["Not approved", { value: count(lost), note: seen }],
      ["Median time", { value: took(medianMs && medianMs / 1000), note: "request to approval" }],
      ["Without SMS", { value: percent(withoutSms), note: "of those approved" }],
    ];
  }
  const known = isCounted(pulse) ? pulse : null;
  return [
    [
      "Success this hour",
      known ? successNow(known, justBegun(rows, Date.parse(known.server_time))) : waiting,
    ],
    [STARTED, known ? startedNow(known) : waiting],
    ["Not approved", known ? lostNow(known) : waiting],
    [
      "Median time",
      known
        ? { value: took(known.median_seconds ?? null), note: "request to approval, this hour" }
        : waiting,
    ],
    [
      "Without SMS",
      known
        ? { value: percent(known.without_sms ?? null), note: "of sign-ins in 24 hours" }
        : waiting,
    ],
  ];
}

function Figure({
  name,
  value,
  note,
  bad = false,
  good = false,
  children,
}: Told & { name: string; children?: ReactNode }) {
  return (
    <div className="figure" data-bad={bad ? "" : undefined} data-good={good ? "" : undefined}>
      <dt>{name}</dt>
      <dd>
        <span className="figure-value">
          {value ?? <span className="figure-wait" role="img" aria-label="Loading" />}
        </span>
        <span className="figure-note">{note}</span>
        {children}
      </dd>
    </div>
  );
}
