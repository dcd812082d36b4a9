import { countryName } from "../../component/country";
import { methodWords, type TimelineEvent } from "../../component/timeline";
import { duration, type Row } from "./model";
import { when } from "./when";

const ends = /^verification\.(approved|denied|failed|expired|canceled|superseded|blocked)$/;

/** The event that ended a verification; null while it is open. */
export function endOf(events: TimelineEvent[]): TimelineEvent | null {
  return events.find(({ name }) => ends.test(name)) ?? null;
}

/** The status that a trail tells of, or else the list. */
export function statusOf(events: TimelineEvent[] | null, row: Row | null): string | null {
  if (!events) return row?.status ?? null;
  return ends.exec(endOf(events)?.name ?? "")?.[1] ?? "pending";
}

const purposes: Record<string, string> = { login: "Sign-in", phone: "Proof of a number" };

/** What an operator wants to know before the steps, as names and values. What is not known is left out. */
export function factsOf(events: TimelineEvent[], row: Row | null): [string, string][] {
  const first = events[0];
  const end = endOf(events);
  const told = (name: "country" | "locale" | "purpose") =>
    events.find((event) => event[name])?.[name];
  const purpose = row?.purpose || told("purpose") || "";
  const facts: [string, string | undefined][] = [
    ["What", purposes[purpose]],
    ["Number", row?.phone],
    ["Country", countryName(told("country") ?? "")],
    ["Language", language(told("locale"))],
    ["Started", first && when(first.at)],
    ["Took", end && first ? duration(Date.parse(end.at) - Date.parse(first.at)) : undefined],
    ["Approved", end?.method && methodWords(end.method)],
    ["Messages", messages(events)],
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

// "German" for "de"; the code itself where this browser knows no name.
function language(code: string | undefined): string | undefined {
  if (!code) return undefined;
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(code);
  } catch {
    return code;
  }
}

const kinds: Record<string, string> = { sms: "SMS", voice: "call", email: "e-mail", push: "push" };

// "2 SMS (twilio), 1 call": what a provider took, which is what costs.
function messages(events: TimelineEvent[]): string | undefined {
  const taken = events.filter(
    ({ name, channel }) => name === "delivery.accepted" && channel && kinds[channel],
  );
  const parts = Object.entries(kinds).flatMap(([channel, kind]) => {
    const sent = taken.filter((event) => event.channel === channel);
    if (sent.length === 0) return [];
    const by = [...new Set(sent.map(({ provider }) => provider).filter(Boolean))].join(", ");
    const many = sent.length > 1 && (channel === "voice" || channel === "email") ? "s" : "";
    return [`${sent.length} ${kind}${many}${by ? ` (${by})` : ""}`];
  });
  return parts.join(", ") || undefined;
}
