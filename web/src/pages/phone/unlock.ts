import type { Ability, UserNotVerified } from "../../sdk";
import type { Trouble } from "../problem";

/**
 * How it stands with the check of the person that a request may need: `none` is needed, `looking`
 * whether this browser has one, `ready`, or why it is not.
 */
export type Unlock = "none" | "looking" | "ready" | Exclude<Ability, "able"> | Failed;

type Failed = UserNotVerified["reason"];

/** Whether an approval may be tried. */
export function canApprove(unlock: Unlock): boolean {
  return !["looking", "unnamed", "unable"].includes(unlock);
}

const cannot = "This browser cannot check that it is you";

const words: Record<Exclude<Unlock, "none" | "looking" | "ready">, Trouble> = {
  unnamed: {
    title: cannot,
    text: "A browser checks nobody on a page at a bare address. Give nod a name (NOD_PUBLIC_URL; on this computer http://localhost and its port), open the request on another phone of yours, or deny it.",
  },
  unable: {
    title: cannot,
    text: "This request needs your fingerprint, face or PIN, and there is none here that a page may ask for. Open the request on another phone of yours, or deny it.",
  },
  not_done: {
    title: "You were not checked",
    text: "The check was closed, took too long or did not recognise you, so nothing was approved. Try again, or deny the request.",
  },
  not_believed: {
    title: "That check does not count",
    text: "What this device answered is not about this request, so nothing was approved. Set the check up again and approve once more, use another phone of yours, or deny the request.",
  },
};

/** Why an approval cannot be tried, or failed just now; null while all is well. */
export function unlockTrouble(unlock: Unlock): Trouble | null {
  return unlock === "none" || unlock === "looking" || unlock === "ready" ? null : words[unlock];
}
