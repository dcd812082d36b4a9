/** What a push message may say, before anything in it is believed. */
export type PushMessage =
  | {
      type: "prompt";
      verificationId: string;
      deliveryId: string | null;
      /** The signed request, sealed for this device; null asks the app to fetch it. */
      jwe: string | null;
      /** Words for a locked screen, in the person's language; empty when there are none. */
      title: string;
      body: string;
    }
  | { type: "prompt_closed"; verificationId: string };

// Both stand in addresses of calls, so nothing but the letters of an id may be in them.
const ID = /^[A-Za-z0-9_-]{1,64}$/;
/** A push service carries 4,096 bytes (RFC 8030, section 7.2); twice that is a mistake. */
const MAX_TEXT = 8192;
const MAX_WORDS = 240;

/**
 * Reads the data of a push message: text as a push service brings it, or an object as an app gets
 * it. Null for anything that is no message of nod, however it was made.
 */
export function readPush(data: unknown): PushMessage | null {
  const told = typeof data === "string" ? parse(data) : data;
  if (typeof told !== "object" || told === null) return null;
  const { type, verification_id, delivery_id, jwe, title, body } = told as Record<string, unknown>;
  if (typeof verification_id !== "string" || !ID.test(verification_id)) return null;
  if (type === "prompt_closed") return { type, verificationId: verification_id };
  if (type !== "prompt") return null;
  return {
    type,
    verificationId: verification_id,
    deliveryId: typeof delivery_id === "string" && ID.test(delivery_id) ? delivery_id : null,
    jwe: typeof jwe === "string" && jwe.length <= MAX_TEXT ? jwe : null,
    title: words(title),
    body: words(body),
  };
}

function parse(text: string): unknown {
  if (text.length > MAX_TEXT) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function words(text: unknown): string {
  return typeof text === "string" ? text.slice(0, MAX_WORDS) : "";
}
