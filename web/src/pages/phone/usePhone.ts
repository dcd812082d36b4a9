import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { Device, type Prompt, type PromptResult, wakeWithPage } from "../../sdk";
import { allOn, hear, type Switches, tell } from "../bridge";
import { type Trouble, trouble } from "../problem";
import { followMessages } from "./messages";
import {
  addDelivered,
  answered,
  closed,
  type Delivered,
  type Notification,
  notifications,
  type Outcome,
} from "./model";
import { keepSwitches, type Ready, setUp, setUpAgain, storedSwitches } from "./setup";

type Decision = "approve" | "deny" | "report";

/** Everything the phone shows. */
export interface Phone {
  slot: string;
  ready: Ready | null;
  connection: "connecting" | "open" | "closed";
  switches: Switches;
  notifications: Notification[];
  /** The request on the open sheet. */
  open: Prompt | null;
  outcome: Outcome | null;
  problem: Trouble | null;
  busy: boolean;
  remaining: (prompt: Prompt) => number;
  setSwitches: (switches: Switches) => void;
  openRequest: (notification: Notification) => void;
  openApp: () => void;
  answer: (decision: Decision, number?: string) => void;
  lock: () => void;
  again: () => void;
}

/** One phone: a true client of the public protocol, with the demo's networks around it. */
export function usePhone(slot: string): Phone {
  const [ready, setReady] = useState<Ready | null>(null);
  const [device, setDevice] = useState<Device | null>(null);
  const [switches, setKept] = useState<Switches>(() => storedSwitches(slot) ?? allOn);
  const [delivered, setDelivered] = useState<Delivered[]>([]);
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const [open, setOpen] = useState<Prompt | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(false);
  const [tries, tryAgain] = useReducer((n: number) => n + 1, 0);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const online = switches.online;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new try sets up again
  useEffect(() => {
    let current = true;
    setProblem(null);
    setUp(slot).then(
      (value) => current && setReady(value),
      (error) => current && setProblem(trouble(error)),
    );
    return () => {
      current = false;
    };
  }, [slot, tries]);

  const show = useRef(open);
  show.current = open;
  const answering = useRef(false);
  const markSeen = useCallback((id: string) => setSeen((all) => new Set(all).add(id)), []);

  useEffect(() => {
    if (!ready) return;
    const made = new Device({ record: ready.record, keys: ready.keys, slot });
    setDevice(made);
    const stops = [
      made.subscribe(redraw),
      made.on("prompt", buzz),
      made.on("closed", ({ verification_id, reason }) => {
        markSeen(verification_id);
        if (show.current?.verificationId !== verification_id || answering.current) return;
        setOpen(null);
        setOutcome(closed(reason));
      }),
      wakeWithPage(made),
    ];
    const abort = new AbortController();
    void followMessages(ready.person.demo_token, ready.pushToken, abort.signal, (message) => {
      setDelivered((list) => addDelivered(list, message));
      if (Date.now() - Date.parse(message.at) < 5000) buzz();
    });
    return () => {
      abort.abort();
      for (const stop of stops) stop();
      made.dispose();
    };
  }, [ready, slot, markSeen]);

  useEffect(() => {
    if (online) device?.start();
    else device?.stop();
  }, [device, online]);

  const state = device?.getState();
  const lost = state?.closed?.kind === "unauthenticated" || state?.closed?.kind === "revoked";
  useEffect(() => {
    if (!lost) return;
    setUpAgain(slot).then(setReady, (error) => setProblem(trouble(error)));
  }, [lost, slot]);

  const setSwitches = useCallback(
    (next: Switches) => {
      setKept(next);
      keepSwitches(slot, next);
      if (next.push === switches.push || !device || !ready) return;
      device
        .setPush(next.push ? { provider: "fcm", token: ready.pushToken } : null)
        .catch((error) => {
          setKept((kept) => ({ ...kept, push: switches.push }));
          setProblem(trouble(error));
        });
    },
    [slot, switches.push, device, ready],
  );

  const prompts = state?.prompts ?? [];
  const list = notifications(
    prompts.filter((p) => !seen.has(p.verificationId)),
    delivered,
    seen,
    switches.signal,
    Date.now(),
  );
  const waiting = list.some((n) => n.kind === "request");

  const isReady = ready !== null;
  useEffect(
    () => tell(window.parent, { nod: "phone", slot, switches, ready: isReady, waiting }),
    [slot, switches, isReady, waiting],
  );
  useEffect(
    () =>
      hear((message) => {
        if (message.nod === "switch" && message.slot === slot) setSwitches(message.switches);
      }),
    [slot, setSwitches],
  );

  const present = (prompt: Prompt | null) => {
    setOutcome(prompt ? null : closed("gone"));
    setOpen(prompt);
  };

  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      setProblem(trouble(error));
    } finally {
      setBusy(false);
    }
  };

  return {
    slot,
    ready,
    connection: online ? (state?.connection ?? "connecting") : "closed",
    switches,
    notifications: list,
    open,
    outcome,
    problem,
    busy,
    remaining: (prompt) => device?.remaining(prompt) ?? 0,
    setSwitches,
    openRequest: (notification) => {
      if (notification.kind !== "request") return;
      const known = prompts.find((p) => p.verificationId === notification.verificationId);
      void attempt(async () => {
        const prompt = known ?? (await device?.openPush(notification.push?.data ?? {})) ?? null;
        if (!prompt) markSeen(notification.verificationId);
        present(prompt);
        if (prompt) await device?.displayed(prompt.verificationId);
      });
    },
    openApp: () =>
      void attempt(async () => {
        const found = (await device?.fetchPrompts()) ?? [];
        const prompt = found.at(-1) ?? null;
        if (!prompt) {
          setOutcome({
            title: "No requests waiting",
            text: "When you sign in, the request appears here. You will be asked, never told.",
            tone: "plain",
          });
          return;
        }
        present(prompt);
        await device?.displayed(prompt.verificationId);
      }),
    answer: (decision, number) =>
      void attempt(async () => {
        if (!device || !open) return;
        answering.current = true;
        try {
          const result: PromptResult = await device.respond(open.verificationId, {
            decision,
            number,
          });
          markSeen(open.verificationId);
          setOpen(null);
          setOutcome(answered(decision, result.accepted, result.reason));
        } finally {
          answering.current = false;
        }
      }),
    lock: () => {
      setOpen(null);
      setOutcome(null);
      setProblem(null);
    },
    again: () => {
      setReady(null);
      tryAgain();
    },
  };
}

// A browser refuses to vibrate, and complains, before the first touch.
function buzz(): void {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([60, 80, 60]);
}
