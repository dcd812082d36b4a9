import { type PushMessage, readPush } from "../sdk/push.ts";

/** What the worker tells the pages of its phone. */
export type WorkerMessage =
  /** A push came. A page that shows its request already answers `true` through the port. */
  | { nod: "pushed"; data: Record<string, string> }
  /** The person tapped a notification: this request is to be opened. */
  | { nod: "open"; verificationId: string };

/** Makes the data of a push again, of what was understood of it, as `readPush` reads it. */
export function dataOf(push: PushMessage): Record<string, string> {
  const data: Record<string, string> = { type: push.type, verification_id: push.verificationId };
  if (push.type === "prompt_closed") return data;
  if (push.deliveryId) data.delivery_id = push.deliveryId;
  if (push.jwe) data.jwe = push.jwe;
  return data;
}

/** Reads a message of the worker; null when it is none. */
export function readWorkerMessage(value: unknown): WorkerMessage | null {
  if (typeof value !== "object" || value === null) return null;
  const { nod, verificationId, data } = value as Record<string, unknown>;
  if (nod === "open" && typeof verificationId === "string") return { nod, verificationId };
  const push = nod === "pushed" ? readPush(data) : null;
  return push ? { nod: "pushed", data: dataOf(push) } : null;
}
