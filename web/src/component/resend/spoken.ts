import { isTerminal, type PhoneState } from "../../sdk";
import { reachedOf } from "../reached";
import { isPlainKey, type Say } from "../texts";
import { endingOf } from "./endings";

/**
 * What was said about the last send, in the person's language; the server's words where this page
 * knows none. Nothing while it has not left.
 */
export function messageOf(say: Say, { status }: PhoneState): string | null {
  if (status?.stage === "queued") return null;
  const name = `message.${status?.message_key}`;
  if (isPlainKey(name)) return say(name);
  return status?.message ?? null;
}

/** What a screen reader hears of the way, when it pauses: what was sent, how far it has come, or why no code can be typed. */
export function stepSpoken(say: Say, state: PhoneState): string {
  const { status, phase, busy } = state;
  if (busy === "send" || busy === "change") return say("entry.sending");
  if (busy === "resend") return say("resend.sending");
  if (phase !== "open" || !status) return "";
  if (status.stage === "locked") {
    const why = status.locked_until ? "problem.locked_text" : "code.locked_text";
    return say.sentences(say("code.locked"), say(why));
  }
  if (status.stage === "awaiting_resend")
    return say.sentences(say("code.over"), say("code.over_text"));
  const last = reachedOf(status).at(-1);
  const step = last?.lost ?? (last?.step === 2 ? "reach.delivered" : null);
  const sent = state.reused ? say("code.reused") : messageOf(say, state);
  return say.sentences(sent, step && say(step));
}

/** What it hears at once: how the last code did, and how it all ended. */
export function resultSpoken(say: Say, { phase, status, wrong, busy }: PhoneState): string {
  if (phase === "approved") return say("end.approved");
  if (phase === "ended" && status && isTerminal(status.status)) {
    const { title, text } = endingOf(status);
    return say.sentences(say(title), say(text));
  }
  if (phase !== "open" || wrong === 0 || busy === "check") return "";
  const tries = status?.attempts_remaining;
  return say.sentences(say("code.wrong"), tries ? say("code.tries_left", { count: tries }) : null);
}
