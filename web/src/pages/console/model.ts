import { eventWords, type TimelineEvent } from "../../component/timeline";

/** One event as the console's connection tells it. */
export interface Line extends TimelineEvent {
  verification_id: string;
  purpose?: string;
  status?: string;
  phone_number?: string;
}

/** What one node counts, once a second. */
export interface Figures {
  sessions: Record<string, number>;
  pending: number;
  queued: number;
  /** Events of the last second that were too many to tell. */
  skipped: number;
}

/** One verification in the list. */
export interface Row {
  id: string;
  purpose: string;
  status: string;
  phone: string;
  method: string;
  /** When it was created, if that was seen. */
  startedAt: string | null;
  changedAt: string;
  /** The last event, in words. */
  words: string;
  sms: boolean;
}

/** Everything the console has seen since it was opened. */
export interface Seen {
  rows: Row[];
  figures: Figures | null;
}

/** The console before anything was seen. */
export const nothing: Seen = { rows: [], figures: null };

const keep = 200;

/** Takes in an event: its verification moves to the top. */
export function addLine(seen: Seen, line: Line): Seen {
  const known = seen.rows.find((row) => row.id === line.verification_id);
  if (!line.verification_id) return seen;
  const row: Row = {
    id: line.verification_id,
    purpose: line.purpose ?? known?.purpose ?? "",
    status: line.status ?? known?.status ?? "pending",
    phone: line.phone_number ?? known?.phone ?? "",
    method: line.method ?? known?.method ?? "",
    startedAt: line.name === "verification.created" ? line.at : (known?.startedAt ?? null),
    changedAt: line.at,
    words: eventWords(line),
    sms: known?.sms || (line.name === "delivery.accepted" && line.channel === "sms"),
  };
  const others = seen.rows.filter((other) => other.id !== row.id);
  return { ...seen, rows: [row, ...others].slice(0, keep) };
}

/** The numbers at the top; null where there is nothing to count yet. */
export interface Summary {
  open: number;
  success: number | null;
  medianMs: number | null;
  withoutSms: number | null;
}

/** Counts what was seen: how many are open, how many succeed, how fast, how many without an SMS. */
export function summary(rows: Row[]): Summary {
  const ended = rows.filter((row) => row.status !== "pending");
  const approved = ended.filter((row) => row.status === "approved");
  const times = approved
    .filter((row) => row.startedAt !== null)
    .map((row) => Date.parse(row.changedAt) - Date.parse(row.startedAt ?? ""))
    .sort((a, b) => a - b);
  const middle = Math.floor(times.length / 2);
  const median =
    times.length === 0
      ? null
      : times.length % 2 === 1
        ? (times[middle] ?? null)
        : ((times[middle - 1] ?? 0) + (times[middle] ?? 0)) / 2;
  return {
    open: rows.length - ended.length,
    success: share(approved.length, ended.length),
    medianMs: median,
    withoutSms: share(approved.filter((row) => !row.sms).length, approved.length),
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** "2 phones, 1 page, 1 console": who holds the open sockets. */
export function socketWords(sessions: Record<string, number> | undefined): string {
  const count = (role: string, name: string) => {
    const n = sessions?.[role] ?? 0;
    return `${n} ${name}${n === 1 ? "" : "s"}`;
  };
  return [count("device", "phone"), count("watcher", "page"), count("console", "console")].join(
    ", ",
  );
}

/** "87 %", or a dash where nothing was counted. */
export function percent(value: number | null): string {
  return value === null ? "–" : `${Math.round(value * 100)} %`;
}

/** "840 ms", "12.4 s", or a dash. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** An id short enough for a list, still telling neighbours apart. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id;
}

/** What was typed or pasted as an id; null when it cannot be one. */
export function verificationId(text: string): string | null {
  return /\bver_[0-9a-f]{32}\b/.exec(text.trim().toLowerCase())?.[0] ?? null;
}
