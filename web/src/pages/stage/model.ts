import { addEvent, type TimelineEvent } from "../../component/timeline";
import { allOn, type Message, type Switches } from "../bridge";

/** A phone on the stage, as it told about itself. */
export interface StagePhone {
  slot: string;
  switches: Switches;
  ready: boolean;
  /** A request waits on its locked screen. */
  waiting: boolean;
}

/** What the stage shows: the phones, and the verification that is followed. */
export interface Stage {
  phones: StagePhone[];
  verificationId: string | null;
  events: TimelineEvent[];
  /** How it ended; null while it runs. */
  ended: string | null;
}

/** The stage before anything happened: one phone. */
export const empty: Stage = {
  phones: [phone("1")],
  verificationId: null,
  events: [],
  ended: null,
};

/** What the stage makes of a frame's message, or of its own second phone. */
export function stageReducer(stage: Stage, message: Message | { nod: "add_phone" }): Stage {
  switch (message.nod) {
    case "add_phone":
      return { ...stage, phones: [...stage.phones, phone(String(stage.phones.length + 1))] };
    case "began":
      if (message.verification_id === stage.verificationId) return stage;
      return { ...stage, verificationId: message.verification_id, events: [], ended: null };
    case "event":
      if (message.verification_id !== stage.verificationId) return stage;
      return { ...stage, events: addEvent(stage.events, message.event) };
    case "ended":
      if (message.verification_id !== stage.verificationId) return stage;
      return { ...stage, ended: message.status };
    case "phone": {
      const { slot, switches, ready, waiting } = message;
      return {
        ...stage,
        phones: stage.phones.map((p) => (p.slot === slot ? { slot, switches, ready, waiting } : p)),
      };
    }
    default:
      return stage;
  }
}

function phone(slot: string): StagePhone {
  return { slot, switches: allOn, ready: false, waiting: false };
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
