import { type Bytes, fromBase64url } from "../sdk/encoding.ts";
import type { PushTarget } from "../sdk/enrollment.ts";
import { Rest } from "../sdk/rest.ts";

/** As much of a PushManager as subscribes. */
export interface Subscriber {
  subscribe(options: {
    userVisibleOnly: boolean;
    applicationServerKey: Bytes;
  }): Promise<PushSubscription>;
}

/** The server's public VAPID key (RFC 8292); null while Web Push is off there. Throws a NodError. */
export async function pushKey(baseUrl: string): Promise<string | null> {
  const rest = new Rest({ baseUrl });
  return (await rest.call<{ key: string | null }>("GET", "/api/v1/push-key")).key;
}

/** Asks the browser's push service for an address that only this server can write to. */
export async function subscribe(manager: Subscriber, key: string): Promise<PushSubscription> {
  const applicationServerKey = fromBase64url(key);
  return await manager.subscribe({ userVisibleOnly: true, applicationServerKey });
}

/** A subscription as the server keeps it. */
export function targetOf(subscription: PushSubscription): PushTarget {
  return { provider: "webpush", token: JSON.stringify(subscription) };
}
