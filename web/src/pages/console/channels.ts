import { countryName } from "../../component/country";
import { channelIcons } from "../../component/timeline";
import type { IconName } from "../../theme/Icon";

const names: Record<string, string> = {
  websocket: "App",
  push: "Push",
  sms: "SMS",
  voice: "Call",
  email: "E-mail",
};

/** A channel as people call it. */
export function channelName(channel: string): string {
  return names[channel] ?? channel;
}

/** The icon of a channel. */
export function channelIcon(channel: string): IconName {
  return channelIcons[channel] ?? "dot";
}

/**
 * Whether it is somebody's trouble when a channel fails. That no phone is connected is none: another
 * channel is next.
 */
export function canFail(channel: string | undefined): boolean {
  return channel !== "websocket";
}

/** Orders channels as the ladder takes them. */
export function byLadder(a: { channel?: string }, b: { channel?: string }): number {
  const order = Object.keys(names);
  return order.indexOf(a.channel ?? "") - order.indexOf(b.channel ?? "");
}

/** A sentence with the names of the countries that stand in it as codes. */
export function countriesNamed(text: string): string {
  return text.replace(/\b[A-Z]{2}\b/g, countryName);
}
