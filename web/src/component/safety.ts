import { countryName } from "./country";
import { english } from "./texts";
import { inWords } from "./time";
import type { TimelineEvent } from "./timeline";

/**
 * What a rule that keeps people and money safe did, in an operator's words; null for other events.
 * To a waiting page the server tells no figures and no reasons.
 */
export function safetyWords(event: TimelineEvent): string | null {
  switch (event.name) {
    case "verification.locked":
      return `Too many wrong codes: code entry is paused ${howLong(event)}`;
    case "risk.limit_hit":
      return event.limit === "prefix" && event.detail
        ? `Limit reached: codes to ${event.detail}… that nobody proved`
        : `Limit reached: ${limitWords(event.limit)}`;
    case "risk.push_suppressed":
      return "The phone is not rung: several requests in a row were refused or not answered";
    case "risk.budget_exceeded":
      return budgetWords(event);
    case "risk.spend_warning":
      return `${event.percent ? `${event.percent} %` : "Much"} of the day's budget for codes is spent`;
    case "risk.spend_stop":
      return "The day's budget for codes is spent: no more by SMS or call";
    case "risk.assessed":
      return assessedWords(event);
    default:
      return null;
  }
}

function howLong({ at, until }: TimelineEvent): string {
  if (!until) return "until somebody unlocks the person";
  const seconds = Math.max(1, (Date.parse(until) - Date.parse(at)) / 1000);
  return `for ${inWords(english, Math.round(seconds))}`;
}

const limits: Record<string, string> = {
  sends_phone: "codes to this number",
  sends_user: "codes to this person",
  sends_ip: "codes that one network address asked for",
  checks_ip: "codes that one network address tried",
  prompts: "requests to this person's phone",
  prefix: "codes to numbers like this one that nobody proved",
};

/** Which limit was reached, in words; an unknown name stands for itself. */
export function limitWords(limit = ""): string {
  return limits[limit] ?? (limit || "too many in a short time");
}

function budgetWords({ limit, country = "", mode }: TimelineEvent): string {
  if (!limit) return "Too many codes that nobody proved";
  const where = limit.startsWith("ip")
    ? "for one network address"
    : `to ${countryName(country) || "one country"}`;
  const when = limit.endsWith("hour") ? "this hour" : "today";
  const noted = mode === "record_only" ? ", only noted so far" : "";
  return `Too many codes ${where} ${when} that nobody proved${noted}`;
}

const reasons: Record<string, string> = {
  new_device: "a new browser",
  new_network: "a new network",
  new_country: "a new country",
  velocity: "many in a short time",
  denials: "refused requests",
  unusual_hour: "an unusual hour",
};

/** Why a trusted browser did not stand in for its person. */
const doubts: Record<string, string> = {
  trusted_network: "not in a network it is known from",
  trusted_locked: "too many wrong codes lately",
  trusted_tired: "refused or unanswered requests lately",
  trusted_reported: "a sign-in was reported lately",
  trusted_blocked: "an operator blocked the person",
  trusted_asked: "this needs the person's own answer",
  trusted_reused: "an old token came again",
  trusted_risky: "too unusual",
};

/** How unusual a start was, and why a trusted browser was asked all the same; a page is told neither. */
function assessedWords({ score = 0, reasons: told = "" }: TimelineEvent): string {
  const all = told.split(",");
  const doubt = all.find((reason) => reason.startsWith("trusted_"));
  const unusual =
    score > 0
      ? `Looked unusual (${score} of 100): ${reasonWords(all.filter((reason) => reason !== doubt))}`
      : null;
  const asked = doubt && `A trusted browser was asked: ${doubts[doubt] ?? doubt}`;
  return [unusual, asked].filter(Boolean).join(". ") || "Looked unusual";
}

function reasonWords(told: string[]): string {
  return told.map((reason) => reasons[reason] ?? reason).join(", ");
}

const held: Record<string, string> = {
  presend: "your own server said no",
  presend_unanswered: "your own server did not answer",
  country: "no codes go to this country",
  fraud_rule: "a rule against fraud",
  spend_cap: "the day's budget for codes is spent",
  fatigue: "several in a row were refused or not answered",
  country_day: "too many to this country that nobody proved",
  country_hour: "too many to this country that nobody proved",
  ip_day: "too many for one network address that nobody proved",
  ip_hour: "too many for one network address that nobody proved",
};

/** Why a message was held back, in words with a colon before them; empty where nobody said. */
export function heldWords({ detail = "" }: TimelineEvent): string {
  const why = held[detail] ?? (limits[detail] && `too many ${limits[detail]}`) ?? detail;
  return why && `: ${why}`;
}
