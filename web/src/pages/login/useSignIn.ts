import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { advanceTracks, type Track, tracksOf } from "../../component/tracks";
import {
  type Channel,
  type Countdowns,
  Rest,
  ServerClock,
  type StatusBody,
  Watcher,
  wakeWithPage,
} from "../../sdk";
import { tell } from "../bridge";
import { asPerson, ensurePerson, type Person } from "../person";
import { type Trouble, trouble } from "../problem";
import { timelineEvent } from "../timelineEvent";
import {
  forget,
  keepOpen,
  keepSignedIn,
  type Open,
  openSignIn,
  type SignedIn,
  signedIn,
} from "./session";

/** Everything the login page shows. */
export interface SignIn {
  phase: "start" | "starting" | "open" | "finishing" | "signed_in" | "ended";
  person: Person | null;
  status: StatusBody | null;
  countdowns: Countdowns | null;
  /** How far each delivery has come. */
  tracks: Track[];
  connected: boolean;
  done: SignedIn | null;
  problem: Trouble | null;
  busy: boolean;
  now: () => number;
  /** How long the phone has in all, in seconds: the whole ring. */
  promptSpan: number;
  start: (channel?: "sms") => void;
  resend: (channel: "push" | "sms" | "voice") => void;
  check: (code: string) => Promise<boolean>;
  cancel: () => void;
  finish: () => void;
  leave: () => void;
}

interface Followed {
  id: string;
  watcher: Watcher;
}

const rest = new Rest({ baseUrl: location.origin });

/**
 * One sign-in after another, as the integrator's page would hold it. The secret
 * stays in sessionStorage, so a reload resumes without a new message.
 */
export function useSignIn(): SignIn {
  const [person, setPerson] = useState<Person | null>(null);
  const [done, setDone] = useState<SignedIn | null>(signedIn);
  const [followed, setFollowed] = useState<Followed | null>(null);
  const [tracks, setTracks] = useState<Track[]>([]);
  const [starting, setStarting] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const clock = useMemo(() => new ServerClock(), []);
  const now = useCallback(() => clock.now(), [clock]);
  const finishing = useRef(false);
  const askedAt = useRef<number | null>(null);

  const follow = useCallback((open: Open, status?: StatusBody) => {
    const watcher = new Watcher({
      baseUrl: location.origin,
      verificationId: open.verification_id,
      clientSecret: open.client_secret,
      status,
      lastSeq: 0,
    });
    setTracks([]);
    setFollowed({ id: open.verification_id, watcher });
    tell(window.parent, { nod: "began", verification_id: open.verification_id });
  }, []);

  useEffect(() => {
    const open = openSignIn();
    if (open) follow(open);
    ensurePerson().then(setPerson, (error) => setProblem(trouble(error)));
  }, [follow]);

  const finish = useCallback(async () => {
    if (!followed || !person || finishing.current) return;
    finishing.current = true;
    setProblem(null);
    try {
      const result_token = await followed.watcher.resultToken();
      const answer = await rest.call<SignedIn>("POST", `/demo/sign-ins/${followed.id}/finish`, {
        body: { result_token },
        headers: asPerson(person.demo_token),
      });
      keepSignedIn(answer);
      setDone(answer);
      setFollowed(null);
    } catch (error) {
      setProblem(trouble(error));
    } finally {
      finishing.current = false;
    }
  }, [followed, person]);

  useEffect(() => {
    if (!followed) return;
    const { id, watcher } = followed;
    const stops = [
      watcher.subscribe(() => {
        clock.observe(watcher.getState().status?.server_time);
        redraw();
      }),
      watcher.on("event", ({ seq, event }) => {
        if (event.name === "delivery.queued" && event.channel === "websocket") {
          askedAt.current = Date.parse(event.at);
        }
        setTracks((known) => advanceTracks(known, event));
        tell(window.parent, {
          nod: "event",
          verification_id: id,
          event: timelineEvent(seq, event),
        });
      }),
      watcher.on("result", (result) =>
        tell(window.parent, { nod: "ended", verification_id: id, status: result.status }),
      ),
      wakeWithPage(watcher),
    ];
    clock.observe(watcher.getState().status?.server_time);
    watcher.start();
    return () => {
      for (const stop of stops) stop();
      watcher.stop();
    };
  }, [followed, clock]);

  const watcher = followed?.watcher ?? null;
  const state = watcher?.getState();
  const approved = state?.status?.status === "approved";
  useEffect(() => {
    if (approved) void finish();
  }, [approved, finish]);

  // The page asked about a sign-in that this browser may no longer follow.
  const lost = state?.closed?.kind === "unauthenticated";
  useEffect(() => {
    if (!lost) return;
    forget();
    setFollowed(null);
    setProblem({
      title: "That sign-in is over",
      text: "It ended while this page was away. Nobody was signed in by it. Start again.",
    });
  }, [lost]);

  const attempt = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      return true;
    } catch (error) {
      setProblem(trouble(error));
      return false;
    } finally {
      setBusy(false);
    }
  };

  const start = async (channel?: "sms") => {
    setStarting(true);
    setDone(null);
    setFollowed(null);
    forget();
    await attempt(async () => {
      const who = person ?? (await ensurePerson());
      setPerson(who);
      const status = await rest.call<StatusBody>("POST", "/demo/sign-ins", {
        body: channel ? { channel } : {},
        headers: asPerson(who.demo_token),
      });
      const open = {
        verification_id: status.verification_id,
        client_secret: status.client_secret ?? "",
      };
      keepOpen(open);
      follow(open, status);
    });
    setStarting(false);
  };

  const check = async (code: string) => {
    if (!watcher) return false;
    let ok = false;
    await attempt(async () => {
      ok = (await watcher.check(code)).ok;
    });
    return ok;
  };

  const leave = () => {
    forget();
    setDone(null);
    setFollowed(null);
    setProblem(null);
  };

  return {
    phase: phaseOf(starting, done, watcher, state?.status ?? null),
    person,
    status: state?.status ?? null,
    countdowns: state?.countdowns ?? null,
    tracks: tracks.length > 0 ? tracks : tracksOf(state?.status?.deliveries),
    connected: state?.connection === "open",
    done,
    problem,
    busy,
    now,
    promptSpan: promptSpan(state?.status ?? null, askedAt.current),
    start: (channel) => void start(channel),
    resend: (channel: Channel & ("push" | "sms" | "voice")) =>
      void attempt(async () => watcher?.resend(channel)),
    check,
    cancel: () => void attempt(async () => watcher?.cancel()),
    finish: () => void finish(),
    leave,
  };
}

// The contract's life of a request serves until the event that opened it is known.
function promptSpan(status: StatusBody | null, askedAt: number | null): number {
  const ends = Date.parse(status?.prompt_expires_at ?? "");
  return askedAt === null || Number.isNaN(ends) || ends <= askedAt ? 120 : (ends - askedAt) / 1000;
}

function phaseOf(
  starting: boolean,
  done: SignedIn | null,
  watcher: Watcher | null,
  status: StatusBody | null,
): SignIn["phase"] {
  if (done) return "signed_in";
  if (starting) return "starting";
  if (!watcher) return "start";
  if (!status || status.status === "pending") return "open";
  return status.status === "approved" ? "finishing" : "ended";
}
