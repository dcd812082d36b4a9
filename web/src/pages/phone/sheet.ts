import type { Prompt, PromptClosed } from "../../sdk";
import { closed, type Outcome } from "./model";

/** What lies over the locked screen: an open request, or what became of one. */
export interface Sheet {
  open: Prompt | null;
  outcome: Outcome | null;
  /** Requests that are over for this phone; none of them is shown again. */
  seen: ReadonlySet<string>;
  /** The person's answer is on its way; what becomes of the request is its answer's to say. */
  answering: boolean;
}

/** Nothing lies over the locked screen. */
export const locked: Sheet = { open: null, outcome: null, seen: new Set(), answering: false };

/** What happens to the sheet. */
export type SheetChange =
  | { did: "present"; prompt: Prompt }
  | { did: "find_nothing"; outcome: Outcome; id?: string }
  | { did: "answer" }
  | { did: "fail" }
  | { did: "learn"; id: string; outcome: Outcome }
  | { did: "close"; event: PromptClosed }
  | { did: "arrive" }
  | { did: "lock" };

/** The sheet after something happened. */
export function sheetReducer(sheet: Sheet, change: SheetChange): Sheet {
  switch (change.did) {
    case "present":
      return { ...sheet, open: change.prompt, outcome: null };
    case "find_nothing":
      return { ...over(sheet, change.id), open: null, outcome: change.outcome };
    case "answer":
      return { ...sheet, answering: true };
    case "fail":
      return { ...sheet, answering: false };
    case "learn":
      return { ...over(sheet, change.id), open: null, outcome: change.outcome, answering: false };
    case "close": {
      const { verification_id: id, reason } = change.event;
      const ended = over(sheet, id);
      if (sheet.open?.verificationId !== id || sheet.answering) return ended;
      return { ...ended, open: null, outcome: closed(reason) };
    }
    case "arrive":
      // A new notification is not hidden behind an old outcome.
      return sheet.outcome ? { ...sheet, outcome: null } : sheet;
    case "lock":
      return { ...sheet, open: null, outcome: null };
  }
}

function over(sheet: Sheet, id: string | undefined): Sheet {
  return id === undefined ? sheet : { ...sheet, seen: new Set(sheet.seen).add(id) };
}
