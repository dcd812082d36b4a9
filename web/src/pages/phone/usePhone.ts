import { useCallback, useEffect, useRef, useState } from "react";
import type { Prompt } from "../../sdk";
import { hear, type Switches, tell } from "../bridge";
import type { Trouble } from "../problem";
import { useAttempt } from "../useAttempt";
import {
  answered,
  closed,
  type Decision,
  type Notification,
  noRequests,
  notifications,
  type Outcome,
} from "./model";
import type { Ready } from "./setup";
import { useDelivered } from "./useDelivered";
import { useDevice } from "./useDevice";
import { useReady } from "./useReady";
import { allowPush, useSwitches } from "./useSwitches";

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

const removed: Trouble = {
  title: "This phone was removed",
  text: "It can no longer answer for you. Reload the page to set it up again.",
};

/** One phone: a true client of the public protocol, with the demo's networks around it. */
export function usePhone(slot: string): Phone {
  const { busy, problem, setProblem, attempt } = useAttempt();
  const { ready, renew, again } = useReady(slot, setProblem);
  const [switches, keepSwitches] = useSwitches(slot);
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const [open, setOpen] = useState<Prompt | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const answering = useRef(false);
  const delivered = useDelivered(ready);

  const markSeen = (id: string) => setSeen((all) => new Set(all).add(id));
  const { device, state } = useDevice(ready, slot, switches.online, (event) => {
    markSeen(event.verification_id);
    if (open?.verificationId !== event.verification_id || answering.current) return;
    setOpen(null);
    setOutcome(closed(event.reason));
  });

  const lost = state?.closed?.kind === "unauthenticated" || state?.closed?.kind === "revoked";
  const renewed = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time it is lost
  useEffect(() => {
    if (!lost) return;
    if (renewed.current) setProblem(removed);
    else renew();
    renewed.current = true;
  }, [lost]);

  const setSwitches = useCallback(
    (next: Switches) => {
      keepSwitches(next);
      if (next.push === switches.push || !device || !ready) return;
      void attempt(() => allowPush(device, ready, next.push)).then((done) => {
        if (!done) keepSwitches({ ...next, push: switches.push });
      });
    },
    [keepSwitches, attempt, switches.push, device, ready],
  );

  const prompts = state?.prompts ?? [];
  const fresh = prompts.filter((p) => !seen.has(p.verificationId));
  const list = notifications(fresh, delivered, seen, switches.signal, Date.now());
  useStage(slot, switches, ready !== null, list.some(isRequest), setSwitches);

  const present = async (prompt: Prompt | null, otherwise: Outcome) => {
    setOpen(prompt);
    setOutcome(prompt ? null : otherwise);
    if (prompt) await device?.displayed(prompt.verificationId);
  };

  const openRequest = async (notification: Notification) => {
    if (notification.kind !== "request") return;
    const id = notification.verificationId;
    const known = prompts.find((p) => p.verificationId === id);
    const prompt = known ?? (await device?.openPush(notification.push?.data ?? {})) ?? null;
    if (!prompt) markSeen(id);
    await present(prompt, closed("gone"));
  };

  const answer = async (decision: Decision, number?: string) => {
    if (!device || !open) return;
    answering.current = true;
    try {
      const result = await device.respond(open.verificationId, { decision, number });
      markSeen(open.verificationId);
      setOpen(null);
      setOutcome(answered(decision, result.accepted, result.reason));
    } finally {
      answering.current = false;
    }
  };

  return {
    slot,
    ready,
    connection: switches.online ? (state?.connection ?? "connecting") : "closed",
    switches,
    notifications: list,
    open,
    outcome,
    problem,
    busy,
    remaining: (prompt) => device?.remaining(prompt) ?? 0,
    setSwitches,
    openRequest: (notification) => void attempt(() => openRequest(notification)),
    openApp: () =>
      void attempt(async () => {
        const found = (await device?.fetchPrompts()) ?? [];
        await present(found.at(-1) ?? null, noRequests);
      }),
    answer: (decision, number) => void attempt(() => answer(decision, number)),
    lock: () => {
      setOpen(null);
      setOutcome(null);
      setProblem(null);
    },
    again,
  };
}

function isRequest(notification: Notification): boolean {
  return notification.kind === "request";
}

// Tells the stage about this phone, and takes its switches from there.
function useStage(
  slot: string,
  switches: Switches,
  ready: boolean,
  waiting: boolean,
  setSwitches: (switches: Switches) => void,
): void {
  useEffect(
    () => tell(window.parent, { nod: "phone", slot, switches, ready, waiting }),
    [slot, switches, ready, waiting],
  );
  useEffect(
    () =>
      hear((message) => {
        if (message.nod === "switch" && message.slot === slot) setSwitches(message.switches);
      }),
    [slot, setSwitches],
  );
}
