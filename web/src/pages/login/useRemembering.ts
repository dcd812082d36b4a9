import { type Dispatch, type SetStateAction, useCallback, useState } from "react";
import { Rest } from "../../sdk";
import { asPerson, type Person } from "../person";
import type { SignedIn } from "./session";

/** A browser that its person can be let in from without a question. */
export interface Remembering {
  /** Whether the next sign-in is to be remembered in this browser. */
  remember: boolean;
  setRemember: (remember: boolean) => void;
  /** Forgets all browsers that were remembered for this person. */
  forgetBrowsers: () => void;
  /** Takes in who signed in, and whether this browser is remembered from now on. */
  welcome: (end: SignedIn) => void;
}

const rest = new Rest({ baseUrl: location.origin });

/** Keeps what the person wants, and what the bank says: the token itself is in a cookie that no page reads. */
export function useRemembering({
  person,
  setPerson,
  setDone,
  attempt,
}: {
  person: Person | null;
  setPerson: Dispatch<SetStateAction<Person | null>>;
  setDone: Dispatch<SetStateAction<SignedIn | null>>;
  attempt: (work: () => Promise<unknown>) => Promise<boolean>;
}): Remembering {
  const [remember, setRemember] = useState(false);
  const known = useCallback(
    (remembered: boolean) => setPerson((who) => who && { ...who, remembered }),
    [setPerson],
  );
  const welcome = useCallback(
    (end: SignedIn) => {
      setDone(end);
      if (end.remembered) known(true);
    },
    [setDone, known],
  );
  const forgetBrowsers = async () => {
    if (!person) return;
    await rest.call("POST", "/demo/forget", { body: {}, headers: asPerson(person.demo_token) });
    known(false);
    setDone((end) => end && { ...end, remembered: false });
  };
  return { remember, setRemember, welcome, forgetBrowsers: () => void attempt(forgetBrowsers) };
}
