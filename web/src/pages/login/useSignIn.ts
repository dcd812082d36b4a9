import { useCallback, useEffect, useRef, useState } from "react";
import { type Say, useSay } from "../../component/texts";
import { type Countdowns, Rest, type StatusBody } from "../../sdk";
import { asPerson, becomeSomebodyElse, ensurePerson, type Person } from "../person";
import type { Trouble } from "../problem";
import { useAttempt } from "../useAttempt";
import { forget, keepOpen, keepSignedIn, openSignIn, type SignedIn, signedIn } from "./session";
import { signInTrouble } from "./trouble";
import { type Followed, type Following, follow, useFollowed } from "./useFollowed";
import { type Remembering, useRemembering } from "./useRemembering";

/** Everything the login page shows. */
export interface SignIn extends Omit<Following, "state">, Omit<Remembering, "welcome"> {
  phase: "start" | "starting" | "open" | "finishing" | "signed_in" | "ended";
  person: Person | null;
  status: StatusBody | null;
  countdowns: Countdowns | null;
  done: SignedIn | null;
  problem: Trouble | null;
  busy: boolean;
  /** What it is busy with, where that is shown on its own button. */
  act: "check" | "resend" | null;
  start: (channel?: "sms") => void;
  /** Begins the next channel now, at no cost. */
  next: () => void;
  /** Asks for another message. */
  resend: (channel: string) => void;
  /** Tries a code; tells whether it was right. */
  check: (code: string) => Promise<boolean>;
  cancel: () => void;
  finish: () => void;
  leave: () => void;
  /** Begins anew as another demo person, and so do the phones of this browser. */
  beSomebodyElse: () => void;
}

const rest = new Rest({ baseUrl: location.origin });

/**
 * One sign-in after another, as the integrator's page would hold it. The secret
 * stays in sessionStorage, so a reload resumes without a new message.
 */
export function useSignIn(): SignIn {
  const [done, setDone] = useState<SignedIn | null>(signedIn);
  const [followed, setFollowed] = useState(resume);
  const [starting, setStarting] = useState(false);
  const say = useSay();
  const words = useCallback((error: unknown) => signInTrouble(say, error), [say]);
  const { busy, problem, setProblem, attempt } = useAttempt(words);
  const { person, setPerson } = usePerson(setProblem, words);
  const { state, ...following } = useFollowed(followed);
  const acts = useActs(followed, attempt);
  const status = state?.status ?? null;

  const approved = status?.status === "approved" && !done;
  const { welcome, ...remembering } = useRemembering({ person, setPerson, setDone, attempt });
  const finish = useFinish({ followed, person, approved, welcome, setProblem, words });

  const leave = useCallback(() => {
    forget();
    setDone(null);
    setFollowed(null);
    setProblem(null);
  }, [setProblem]);

  const lost = state?.closed?.kind === "unauthenticated" && !done;
  useLost(say, lost, leave, setProblem);

  const start = async (channel?: "sms") => {
    setStarting(true);
    leave();
    await attempt(async () => {
      const who = person ?? (await ensurePerson());
      setPerson(who);
      const first = await rest.call<StatusBody>("POST", "/demo/sign-ins", {
        body: { channel, locale: say.language },
        headers: asPerson(who.demo_token),
      });
      const { verification_id, client_secret } = first;
      const open = {
        verification_id,
        client_secret: client_secret ?? "",
        remember: remembering.remember,
      };
      keepOpen(open);
      setFollowed(follow(open, first));
    });
    setStarting(false);
  };

  return {
    ...following,
    ...remembering,
    ...acts,
    phase: phaseOf(starting, done, followed, status),
    person,
    status,
    countdowns: state?.countdowns ?? null,
    done,
    problem,
    busy,
    start: (channel) => void start(channel),
    finish: () => void finish(),
    leave,
    beSomebodyElse: () => void attempt(async () => setPerson(await becomeSomebodyElse())),
  };
}

function resume(): Followed | null {
  const open = openSignIn();
  return open && follow(open);
}

// What the person does in an open sign-in.
function useActs(
  followed: Followed | null,
  attempt: (work: () => Promise<unknown>) => Promise<boolean>,
): Pick<SignIn, "act" | "next" | "resend" | "check" | "cancel"> {
  const [act, setAct] = useState<SignIn["act"]>(null);
  const watcher = followed?.watcher;
  const doing = async (what: SignIn["act"], work: () => Promise<unknown>) => {
    setAct(what);
    await attempt(work);
    setAct(null);
  };
  const check = async (code: string) => {
    let ok = false;
    await doing("check", async () => {
      ok = (await watcher?.check(code))?.ok ?? false;
    });
    return ok;
  };
  return {
    act,
    next: () => void attempt(async () => watcher?.next()),
    resend: (channel) => void doing("resend", async () => watcher?.resend(channel)),
    check,
    cancel: () => void attempt(async () => watcher?.cancel()),
  };
}

// The demo person of this browser, as soon as it is known.
function usePerson(setProblem: (problem: Trouble) => void, words: (error: unknown) => Trouble) {
  const [person, setPerson] = useState<Person | null>(null);
  useEffect(() => {
    ensurePerson().then(setPerson, (error) => setProblem(words(error)));
  }, [setProblem, words]);
  return { person, setPerson };
}

// The page came back to a sign-in that nobody may follow any more.
function useLost(
  say: Say,
  lost: boolean,
  leave: () => void,
  setProblem: (problem: Trouble) => void,
): void {
  useEffect(() => {
    if (!lost) return;
    leave();
    setProblem({ title: say("login.lost.title"), text: say("login.lost.text") });
  }, [say, lost, leave, setProblem]);
}

// Hands the result to the bank once it is there; the bank checks it and says who signed in. One
// try at a time.
function useFinish({
  followed,
  person,
  approved,
  welcome,
  setProblem,
  words,
}: {
  followed: Followed | null;
  person: Person | null;
  approved: boolean;
  welcome: (end: SignedIn) => void;
  setProblem: (problem: Trouble | null) => void;
  words: (error: unknown) => Trouble;
}): () => Promise<void> {
  const finishing = useRef(false);
  const finish = useCallback(async () => {
    if (!followed || !person || finishing.current) return;
    finishing.current = true;
    setProblem(null);
    try {
      const result_token = await followed.watcher.resultToken();
      const answer = await rest.call<SignedIn>("POST", `/demo/sign-ins/${followed.id}/finish`, {
        body: { result_token, remember: followed.remember },
        headers: asPerson(person.demo_token),
      });
      keepSignedIn(answer);
      welcome(answer);
    } catch (error) {
      setProblem(words(error));
    } finally {
      finishing.current = false;
    }
  }, [followed, person, welcome, setProblem, words]);
  useEffect(() => {
    if (approved) void finish();
  }, [approved, finish]);
  return finish;
}

function phaseOf(
  starting: boolean,
  done: SignedIn | null,
  followed: Followed | null,
  status: StatusBody | null,
): SignIn["phase"] {
  if (done) return "signed_in";
  if (starting) return "starting";
  if (!followed) return "start";
  if (!status || status.status === "pending") return "open";
  return status.status === "approved" ? "finishing" : "ended";
}
