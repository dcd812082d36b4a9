import type { Track } from "../component/tracks";

/**
 * Who really brings messages, by channel. The demo's own phone gets what is simulated: a channel
 * that is not named here. One with an empty list reaches nobody.
 */
export interface Senders {
  push?: string[];
  sms?: string[];
  voice?: string[];
}

const names: Record<string, string> = {
  fcm: "FCM",
  apns: "APNs",
  webpush: "Web Push",
  twilio: "Twilio",
  vonage: "Vonage",
  sns: "Amazon SNS",
};

/** Providers as people call them, any one of which has it: "Twilio or Vonage". Null without one. */
export function anyOf(senders: string[] | undefined): string | null {
  if (!senders?.length) return null;
  const called = senders.map((name) => names[name] ?? name);
  return new Intl.ListFormat("en-GB", { type: "disjunction" }).format(called);
}

/** Whether a channel was left without a provider: it is neither simulated nor real. */
export function isNobody(senders: string[] | undefined): boolean {
  return senders?.length === 0;
}

/** Whether notifications can reach this very browser: a phone turns them on in its own page. */
export function isWebPush({ push }: Senders): boolean {
  return Boolean(push?.includes("webpush"));
}

/**
 * Who has a notification in the phone's place. Null while they are simulated, and with Web Push:
 * that reaches this very browser.
 */
export function pushAway(senders: Senders): string | null {
  return isWebPush(senders) ? null : anyOf(senders.push);
}

// Where somebody without the providers' accounts finds what they got.
const onPage = (what: "it" | "them") =>
  `With make run-providers, you can read ${what} on the providers' page.`;

/** Which messages the demo's phone will not get, and where they go; null when it gets them all. */
export function awayWords(senders: Senders): string | null {
  const [push, sms] = [pushAway(senders), anyOf(senders.sms)];
  const away = [push && `Notifications go to ${push}.`, sms && `SMS go to ${sms}.`].filter(Boolean);
  return away.length > 0 ? [...away, onPage("them")].join(" ") : null;
}

/** Where the newest message of a sign-in went, if not to the demo's phone; null if it did. */
export function whereabouts(tracks: Track[], senders: Senders): string | null {
  const last = tracks.findLast(
    ({ channel, state }) =>
      ["push", "sms", "voice"].includes(channel) &&
      ["accepted", "delivered", "displayed"].includes(state),
  );
  const went = {
    push: ["The notification", pushAway(senders)],
    sms: ["The SMS", anyOf(senders.sms)],
    voice: ["The call", anyOf(senders.voice)],
  }[last?.channel ?? ""];
  return went?.[1] ? `${went[0]} went to ${went[1]}. ${onPage("it")}` : null;
}
