import { useState } from "react";
import { NodError } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import type { Act } from "./acts";
import { send } from "./session";

/** What an operator does about one verification. */
export interface Acting {
  busy: boolean;
  /** Why the last act was not done, and what to do. */
  problem: Trouble | null;
  /** What came of the last one, in words. */
  said: string;
  /** Does it; whether it was done. */
  act: (act: Act) => Promise<boolean>;
  /** Forgets what was refused. */
  forget: () => void;
}

/** Cancels, blocks and unlocks; `onActed` when something was done, or had been done before. */
export function useAct(
  token: string,
  id: string,
  done: (act: Act) => string,
  onActed: () => void,
): Acting {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const [said, setSaid] = useState("");
  return {
    busy,
    problem,
    said,
    forget: () => setProblem(null),
    act: async (act) => {
      setBusy(true);
      setProblem(null);
      setSaid("");
      try {
        const words = done(act); // before the timeline says that it is so
        await send(token, `/api/v1/verifications/${encodeURIComponent(id)}/${act}`);
        setSaid(words);
        return true;
      } catch (error) {
        setProblem(whyNot(error));
        return false;
      } finally {
        setBusy(false);
        onActed();
      }
    },
  };
}

function whyNot(error: unknown): Trouble {
  if (!(error instanceof NodError)) return trouble(error);
  const { title, text } = trouble(error);
  if (error.status === 409 || error.code === "expired") {
    return {
      title: "It has ended already",
      text: "Nothing was changed. The timeline says how it ended.",
    };
  }
  if (error.status === 404) {
    return {
      title,
      text: "It was erased meanwhile, with all that belongs to its person. There is nothing left to do.",
    };
  }
  const wait = error.retryAfter;
  return { title, text: wait ? `${text} Try again in ${wait} s.` : text };
}
