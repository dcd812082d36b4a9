import type { TimelineEvent } from "../component/timeline";
import type { VerificationEvent } from "../sdk";

const told = ["channel", "stage", "reason", "method", "class", "refusal", "until"] as const;

/** What the timeline keeps of a watcher's event: never the state, which may hold secrets. */
export function timelineEvent(seq: number, event: VerificationEvent): TimelineEvent {
  const kept: TimelineEvent = { seq, name: event.name, at: event.at };
  for (const name of told) {
    const value = event[name];
    if (typeof value === "string") kept[name] = value;
  }
  return kept;
}
