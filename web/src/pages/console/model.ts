import { eventWords, type TimelineEvent } from "../../component/timeline";
import { share, took } from "./numbers";

/** One event as the console's connection tells it. */
export interface Line extends TimelineEvent {
  verification_id: string;
  purpose?: string;
  status?: string;
  phone_number?: string;
}

/** A verification as the console's connection tells it first: what was before it was opened. */
export interface Earlier {
  verification_id: string;
  seq: number;
  purpose: string;
  status: string;
  stage?: string;
  reason?: string;
  method?: string;
  phone_number?: string;
  code_sent: boolean;
  created_at: string;
  ended_at?: string;
}

/** One verification in the list. */
export interface Row {
  id: string;
  /** Of the last event that is known of it. */
  seq: number;
  purpose: string;
  status: string;
  phone: string;
  method: string;
  /** When it was created, if that is known. */
  startedAt: string | null;
  changedAt: string;
  /** When it ended, if it did. */
  endedAt: string | null;
  /** The last event, in words. */
  words: string;
  sms: boolean;
}

/** What the console has seen happen. */
export interface Seen {
  rows: Row[];
  /** Moves whenever an operator acted, or may have while nothing was heard. */
  acts: number;
}

/** The console before anything was seen. */
export const nothing: Seen = { rows: [], acts: 0 };

const keep = 200;

/** Takes in an event: its verification moves to the top. */
export function addLine(seen: Seen, line: Line): Seen {
  const known = seen.rows.find((row) => row.id === line.verification_id);
  const acts = seen.acts + (line.name === "operator.acted" ? 1 : 0);
  if (!line.verification_id) return { ...seen, acts };
  const ended = line.status !== undefined && line.status !== "pending";
  // What still follows an end is no news of the verification.
  const news = !ended || !known || line.name === `verification.${line.status}`;
  const row: Row = {
    id: line.verification_id,
    seq: line.seq,
    purpose: line.purpose ?? known?.purpose ?? "",
    status: line.status ?? known?.status ?? "pending",
    phone: line.phone_number ?? known?.phone ?? "",
    method: line.method ?? known?.method ?? "",
    startedAt: line.name === "verification.created" ? line.at : (known?.startedAt ?? null),
    changedAt: line.at,
    endedAt: known?.endedAt ?? (ended ? line.at : null),
    words: news ? eventWords(line) : known.words,
    sms: known?.sms || (line.name === "delivery.accepted" && line.channel === "sms"),
  };
  const others = seen.rows.filter((other) => other.id !== row.id);
  return { ...seen, acts, rows: [row, ...others].slice(0, keep) };
}

/** Takes in what was before; a row that events have told more of stays as it is. */
export function addEarlier(seen: Seen, earlier: Earlier[]): Seen {
  const known = new Map(seen.rows.map((row) => [row.id, row]));
  for (const one of earlier) {
    const row = known.get(one.verification_id);
    if (!row || row.seq < one.seq) known.set(one.verification_id, rowOf(one));
    else if (!row.startedAt) known.set(row.id, { ...row, startedAt: one.created_at });
  }
  const rows = [...known.values()].sort((a, b) => b.changedAt.localeCompare(a.changedAt));
  return { ...seen, acts: seen.acts + 1, rows: rows.slice(0, keep) };
}

/** The row of a verification that was told whole. */
export function rowOf(one: Earlier): Row {
  const { seq, purpose, status, stage, reason, method = "", ended_at = null } = one;
  const at = ended_at ?? one.created_at;
  const name = status === "pending" ? "verification.stage_changed" : `verification.${status}`;
  return {
    id: one.verification_id,
    seq,
    purpose,
    status,
    phone: one.phone_number ?? "",
    method,
    startedAt: one.created_at,
    changedAt: at,
    endedAt: ended_at,
    words: eventWords({ seq, name, at, stage, reason, method }),
    sms: one.code_sent,
  };
}

/** The numbers at the top; null where there is nothing to count yet. */
interface Summary {
  open: number;
  /** How many ended otherwise than by an approval. */
  lost: number;
  success: number | null;
  medianMs: number | null;
  withoutSms: number | null;
}

/** Counts what was seen: how many are open, how many succeed, how fast, how many without an SMS. */
export function summary(rows: Row[]): Summary {
  const ended = rows.filter((row) => row.status !== "pending");
  const approved = ended.filter((row) => row.status === "approved");
  const times = approved
    .filter((row) => row.startedAt !== null && row.endedAt !== null)
    .map((row) => Date.parse(row.endedAt ?? "") - Date.parse(row.startedAt ?? ""))
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
    lost: ended.length - approved.length,
    success: share(approved.length, ended.length),
    medianMs: median,
    withoutSms: share(approved.filter((row) => !row.sms).length, approved.length),
  };
}

const JUST_MS = 60_000;
const HOUR_MS = 3_600_000;

/** How many of the hour that runs `at` a moment are open only because they began in its last minute. */
export function justBegun(rows: Row[], at: number): number {
  const since = Math.max(at - JUST_MS, at - (at % HOUR_MS));
  return rows.filter(
    ({ status, startedAt }) =>
      status === "pending" && startedAt !== null && Date.parse(startedAt) >= since,
  ).length;
}

/** "840 ms", "12.4 s", or a dash. */
export function duration(ms: number | null): string {
  return took(ms === null ? null : ms / 1000);
}

/** An id short enough for a list, still telling neighbours apart. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id;
}

/** What was typed or pasted as an id; null when it cannot be one. */
export function verificationId(text: string): string | null {
  return /\bver_[0-9a-f]{32}\b/.exec(text.trim().toLowerCase())?.[0] ?? null;
}
