import type { Counted } from "../pulse";

/** What the chart draws a line of. */
export const kinds = ["sends", "successes", "failures"] as const;
export type Kind = (typeof kinds)[number];
type Counts = Record<Kind, number>;

/** The counters at one pulse. */
export interface Sample {
  /** Epoch milliseconds of the server. */
  at: number;
  /** Since the first sample. */
  total: Counts;
  /** As the pulse told them: since the full hour. */
  hour: Counts;
}

/** How far back the chart goes. */
export const WINDOW_MS = 5 * 60_000;
// Events are counted in batches about once a second: a mean over this is calm and still quick.
const MEAN_MS = 5000;
const GAP_MS = 10_000;
const HOUR_MS = 3_600_000;

/** Adds a pulse to the samples of the last minutes. */
export function addSample(samples: readonly Sample[], pulse: Counted): readonly Sample[] {
  const at = Date.parse(pulse.server_time);
  const last = samples.at(-1);
  if (pulse.stale || (last && at <= last.at)) return samples;
  const hour = countsOf(pulse);
  const total = { sends: 0, successes: 0, failures: 0 };
  if (last) {
    // At the full hour the counters start again.
    const fresh = Math.floor(at / HOUR_MS) !== Math.floor(last.at / HOUR_MS);
    for (const kind of kinds) {
      const more = hour[kind] - (fresh ? 0 : last.hour[kind]);
      total[kind] = last.total[kind] + Math.max(0, more);
    }
  }
  const kept = samples.filter((sample) => at - sample.at <= WINDOW_MS + MEAN_MS);
  return [...kept, { at, total, hour }];
}

function countsOf({ hour, sends }: Counted): Counts {
  return {
    sends: sends.reduce((sum, { accepted }) => sum + accepted, 0),
    successes: hour.approved,
    failures: hour.denied + hour.failed + hour.expired,
  };
}

/** Lines over time: a second's mean for each moment, null where nothing was heard. */
export interface Series extends Record<Kind, (number | null)[]> {
  /** Epoch seconds. */
  at: number[];
}

/** The lines of the chart. */
export function seriesOf(samples: readonly Sample[]): Series {
  const series: Series = { at: [], sends: [], successes: [], failures: [] };
  let from = 0;
  for (const [i, sample] of samples.entries()) {
    const before = samples[i - 1];
    if (!before) continue;
    if (sample.at - before.at > GAP_MS) {
      from = i;
      series.at.push(sample.at / 1000);
      for (const kind of kinds) series[kind].push(null);
      continue;
    }
    while (sample.at - (samples[from]?.at ?? 0) > MEAN_MS && from < i - 1) from++;
    const since = samples[from] ?? before;
    const seconds = (sample.at - since.at) / 1000;
    series.at.push(sample.at / 1000);
    for (const kind of kinds) {
      series[kind].push((sample.total[kind] - since.total[kind]) / seconds);
    }
  }
  return series;
}

/** One minute in numbers. */
export interface Minute extends Counts {
  /** Epoch milliseconds of its start, or of the first sample if that is later. */
  from: number;
}

/** What happened in each of the last minutes, newest first: the chart as a table. */
export function minutesOf(samples: readonly Sample[]): Minute[] {
  const minutes = new Map<number, Minute>();
  for (const [i, { at, total }] of samples.entries()) {
    const before = samples[i - 1];
    if (!before) continue;
    const start = Math.floor(at / 60_000) * 60_000;
    const minute = minutes.get(start) ?? { from: start, sends: 0, successes: 0, failures: 0 };
    for (const kind of kinds) minute[kind] += total[kind] - before.total[kind];
    minutes.set(start, minute);
  }
  return [...minutes.values()].reverse().slice(0, WINDOW_MS / 60_000);
}

/** The chart in a sentence. */
export function seriesWords(samples: readonly Sample[]): string {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || first === last) return "Nothing was counted yet.";
  const seconds = Math.round((last.at - first.at) / 1000);
  const span = seconds < 90 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
  const [sends, successes, failures] = kinds.map((kind) => last.total[kind] - first.total[kind]);
  return `In the last ${span}: ${sends} sent, ${successes} approved, ${failures} not approved.`;
}
