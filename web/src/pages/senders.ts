import { english, type Say } from "../component/texts";
import type { Track } from "../component/tracks";

/**
 * Who really brings messages, by channel. The demo's own phone gets what is simulated: a channel
 * that is not named here. One with an empty list reaches nobody.
 */
export interface Senders {
  push?: string[];
  sms?: string[];
  voice?: string[];
  email?: string[];
}

const names: Record<string, string> = {
  fcm: "FCM",
  apns: "APNs",
  webpush: "Web Push",
  twilio: "Twilio",
  vonage: "Vonage",
  sns: "Amazon SNS",
  smtp: "SMTP",
};

/** Providers as people call them, any one of which has it: "Twilio or Vonage". Null without one. */
export function anyOf(senders: string[] | undefined, say: Say = english): string | null {
  if (!senders?.length) return null;
  const called = senders.map((name) => names[name] ?? name);
  return new Intl.ListFormat(say.language, { type: "disjunction" }).format(called);
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
export function pushAway(senders: Senders, say: Say = english): string | null {
  return isWebPush(senders) ? null : anyOf(senders.push, say);
}

/** Which messages the demo's phone will not get, and where they go; null when it gets them all. */
export function awayWords(senders: Senders): string | null {
  const [push, sms] = [pushAway(senders), anyOf(senders.sms)];
  const away = [push && `Notifications go to ${push}.`, sms && `SMS go to ${sms}.`].filter(Boolean);
  const found = "With make run-providers, you can read them on the providers' page.";
  return away.length > 0 ? [...away, found].join(" ") : null;
}

/** Where the newest message of a sign-in went, if not to the demo's phone; null if it did. */
export function whereabouts(say: Say, tracks: Track[], senders: Senders): string | null {
  const last = tracks.findLast(
    (track): track is Track & { channel: keyof Senders } =>
      ["push", "sms", "voice", "email"].includes(track.channel) &&
      ["accepted", "delivered", "displayed"].includes(track.state),
  );
  if (!last) return null;
  const { channel } = last;
  const provider = channel === "push" ? pushAway(senders, say) : anyOf(senders[channel], say);
  return provider && say(`login.went.${channel}`, { provider });
}
