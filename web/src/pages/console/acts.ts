import type { TimelineEvent } from "../../component/timeline";
import type { Question } from "./ConfirmDialog";
import type { Row } from "./model";

/** What an operator may do about a verification or its person. */
export type Act = "cancel" | "block" | "unlock";

/** An act in words: before it is done, and after. */
export interface ActWords extends Question {
  /** On the button that opens the dialog. */
  name: string;
  /** What came of it. */
  done: string;
}

/** Whether too many wrong codes hold the person back, as far as a timeline tells. */
export function isLocked(events: TimelineEvent[], now: number): boolean {
  const lock = events.findLast(
    ({ name, reason }) =>
      name === "verification.locked" ||
      (name === "verification.blocked" && reason === "account_locked"),
  );
  const unlock = events.findLast(({ action }) => action === "unlock");
  if (!lock || (unlock && unlock.seq > lock.seq)) return false;
  return !lock.until || Date.parse(lock.until) > now;
}

/** The words of an act on a verification; unlocking a `locked` person lifts that lock before all. */
export function actWords(act: Act, row: Row | null, locked = false): ActWords {
  // A number does not break over two lines.
  const phone = row?.phone.replaceAll(" ", "\u00a0");
  const whose = phone ? `the person behind ${phone}` : "this person";
  const what = row?.purpose === "phone" ? "proof of a number" : "sign-in";
  switch (act) {
    case "cancel":
      return {
        name: "Cancel it",
        title: `Cancel this ${what}?`,
        text: `It ends now for ${whose}: the waiting page and the phone say that it was canceled, and codes already sent no longer work. Nobody is let in, and they may start again at once.`,
        go: "Cancel it now",
        keep: "Let it go on",
        done: `This ${what} is canceled.`,
      };
    case "block":
      return {
        name: "Block person",
        title: "Block this person?",
        text: `From now on ${whose} can neither sign in nor prove a number: nothing is sent to them, until an operator unlocks them. What is open for them is canceled. Sessions that your own service has given them go on.`,
        go: "Block them",
        keep: "Do not block",
        done: "The person is blocked, and what was open for them is canceled.",
        danger: true,
      };
    case "unlock":
      if (locked) {
        return {
          name: "Lift the lock",
          title: "Lift the lock?",
          text: `Codes are paused for ${whose}, because too many wrong ones were typed. Without the lock, codes can be sent and typed again at once, and wrong ones are counted anew. A block of the person ends, too. Be sure that you speak to the right person first: whoever guesses codes hopes for this.`,
          go: "Lift it",
          keep: "Leave it",
          done: "The lock is lifted: codes can be sent and typed again.",
        };
      }
      return {
        name: "Unlock person",
        title: "Unlock this person?",
        text: `Then ${whose} can sign in again: a block ends, and so does the pause after somebody reported a sign-in that was not theirs. Be sure that you speak to the right person first.`,
        go: "Unlock them",
        keep: "Leave it",
        done: "The person is unlocked and can sign in again.",
      };
  }
}

/** One act of an operator, as the server lists it. */
export interface OperatorAct {
  at: string;
  action: string;
  /** By whose session or call: "console 3fa9c1d2", "key 3fa9c1d2". */
  by: string;
  verification_id?: string;
  /** To what, where that is no verification's person: "number +1 ••• 23", "country LV". */
  detail?: string;
}

const done: Record<string, string> = {
  cancel: "Canceled a verification",
  block: "Blocked a person",
  unlock: "Unlocked a person",
  erase: "Erased a person",
  replay_webhook: "Sent a webhook again",
  replay_webhooks: "Sent webhooks again",
  test_webhook: "Sent a test webhook",
  enable_webhooks: "Enabled webhooks",
};

/** What an operator did, in words. */
export function doneWords({ action, detail }: OperatorAct): string {
  const what = detail?.replaceAll(" ", "\u00a0");
  if (what && action === "block") return `Blocked ${what}`;
  if (what && action === "unlock") return `Lifted the block of ${what}`;
  return done[action] ?? action;
}
