import { isTooEarly, problemWords } from "../../component/ProblemNotice";
import type { Say } from "../../component/texts";
import { NodError } from "../../sdk";
import type { Trouble } from "../problem";

/** What the person reads when something went wrong here: what happened, then the next step. */
export function signInTrouble(say: Say, error: unknown): Trouble {
  if (!(error instanceof NodError)) {
    return { title: say("login.broken.title"), text: say("login.broken.text") };
  }
  // The demo's bank writes down what is not there, as nothing: 0 seconds, an empty id.
  const againAt = error.retryAfter ? Date.now() + error.retryAfter * 1000 : undefined;
  // A moment's wait is no reason to become somebody else.
  const refused = Boolean(error.verificationId) && error.code !== "cooldown";
  if (error.code === "blocked" && againAt) {
    // The first whole minute that is not too early.
    const minute = 60_000;
    const time = say.time(Math.ceil(againAt / minute) * minute);
    return {
      title: say("login.reported.title"),
      text: say("login.reported.text", { time }),
      refused,
    };
  }
  return { ...problemWords(say, error), againAt, early: isTooEarly(error), refused };
}
