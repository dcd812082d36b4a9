import type { Row } from "./model";

/** What an operator may do about a verification or its person. */
export type Act = "cancel" | "block" | "unlock";

/** An act in words: before it is done, and after. */
export interface ActWords {
  /** On the button that opens the dialog. */
  name: string;
  title: string;
  /** What will happen, to whom, and what stays. */
  text: string;
  /** On the button that does it. */
  go: string;
  /** On the button that leads out. */
  keep: string;
  /** What came of it. */
  done: string;
  /** It takes something from a person. */
  danger?: true;
}

/** The words of an act on a verification. */
export function actWords(act: Act, row: Row | null): ActWords {
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
export function doneWords({ action }: OperatorAct): string {
  return done[action] ?? action;
}
