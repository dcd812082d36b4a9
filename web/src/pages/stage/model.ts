import { addEvent, type TimelineEvent } from "../../component/timeline";
import { allOn, type Message, type Switches } from "../bridge";

/** A phone on the stage, as it told about itself. */
export interface StagePhone {
  slot: string;
  switches: Switches;
  /** Notifications can come to it: they are simulated, or turned on in its own page. */
  notified: boolean;
  ready: boolean;
  /** A request waits on its locked screen. */
  waiting: boolean;
}

/** What a newcomer can try, in order: the app, a notification, a code. */
export const tries = ["app", "push", "code"] as const;

/** One of them. */
export type Try = (typeof tries)[number];

/** What the stage shows: the phones, and the verification that is followed. */
export interface Stage {
  phones: StagePhone[];
  verificationId: string | null;
  events: TimelineEvent[];
  /** What has led to a sign-in since the stage was opened. */
  tried: readonly Try[];
}

/** The stage before anything happened: one phone. */
export const empty: Stage = {
  phones: [phone("1")],
  verificationId: null,
  events: [],
  tried: [],
};

/** What the stage makes of a frame's message, or of its own second phone. */
export function stageReducer(stage: Stage, message: Message | { nod: "add_phone" }): Stage {
  switch (message.nod) {
    case "add_phone":
      return { ...stage, phones: [...stage.phones, phone(String(stage.phones.length + 1))] };
    case "began":
      if (message.verification_id === stage.verificationId) return stage;
      return { ...stage, verificationId: message.verification_id, events: [] };
    case "event":
      if (message.verification_id !== stage.verificationId) return stage;
      return withEvents(stage, addEvent(stage.events, message.event));
    case "phone": {
      const { nod: _, ...told } = message;
      return { ...stage, phones: stage.phones.map((p) => (p.slot === told.slot ? told : p)) };
    }
    default:
      return stage;
  }
}

function withEvents(stage: Stage, events: TimelineEvent[]): Stage {
  const done = triedIn(events);
  const tried = done && !stage.tried.includes(done) ? [...stage.tried, done] : stage.tried;
  return { ...stage, events, tried };
}

// An answer in the app counts for the way that brought the request there.
function triedIn(events: TimelineEvent[]): Try | null {
  const approved = events.find((event) => event.name === "verification.approved");
  if (!approved || approved.method === "trusted_device") return null;
  if (approved.method !== "app") return "code";
  const answer = events.find((event) => event.name === "delivery.responded");
  return answer?.channel === "push" ? "push" : "app";
}

function phone(slot: string): StagePhone {
  return { slot, switches: allOn, notified: true, ready: false, waiting: false };
}

/** Whether the browser was recognised from before, so that no phone was asked. */
export function skipped(events: readonly TimelineEvent[]): boolean {
  return events.some((event) => event.name === "verification.skipped_trusted");
}

/** The command that asks the same phone. */
export function curlCommand(origin: string, user: string, phoneNumber: string): string {
  const body = JSON.stringify({
    user_id: user,
    phone_number: phoneNumber,
    context: { app: "curl" },
  });
  return [
    `curl ${origin}/api/v1/verifications \\`,
    '  -H "Authorization: Bearer $NOD_API_KEY" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d '${body}'`,
  ].join("\n");
}

/** Whether another phone in the same network could open this address at all. */
export function onlyHere(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}
