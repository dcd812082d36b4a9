import { NodError } from "../sdk";

/** What a person reads when something went wrong: what happened, then what is safe and what to do. */
export interface Trouble {
  title: string;
  text: string;
  /** When the same may be tried again, in milliseconds on this page's clock; absent: nobody said. */
  againAt?: number;
  /** Nothing went wrong: it is only too early. */
  early?: boolean;
  /** A rule refused to begin at all. */
  refused?: boolean;
}

const titles: Record<string, string> = {
  network: "No connection",
  timeout: "The server is slow to answer",
  in_progress: "It is already on its way",
  cooldown: "Not quite yet",
  rate_limited: "Too many requests",
  too_many_attempts: "Too many tries",
  max_resends_reached: "No more sends left",
  expired: "This has ended",
  already_decided: "This was already answered",
  locked: "Code entry is paused",
  blocked: "This sign-in was blocked",
  no_channel: "There is no way to reach you",
  unauthenticated: "Please start again",
  not_found: "This is no longer here",
  unavailable: "Busy for a moment",
  internal: "Something broke on our side",
};

/** Turns any failure into words with a next step; a page never shows a code alone. */
export function trouble(error: unknown): Trouble {
  if (!(error instanceof NodError)) {
    return {
      title: "Something went wrong on this page",
      text: "Nothing was signed in. Reload the page and try again.",
    };
  }
  return { title: titles[error.code] ?? error.title, text: error.detail };
}
