import { useCallback, useEffect, useReducer, useRef } from "react";
import type { Answer, Device, DeviceState, Prompt } from "../../sdk";
import { hear, type Message, type Switches, tell } from "../bridge";
import type { Trouble } from "../problem";
import type { Senders } from "../senders";
import { useAttempt } from "../useAttempt";
import {
  answered,
  closed,
  type Decision,
  type Delivered,
  type Notification,
  noRequests,
  notifications,
  type Outcome,
} from "./model";
import type { Ready } from "./setup";
import { locked, type SheetChange, sheetReducer } from "./sheet";
import type { Unlock } from "./unlock";
import { useDelivered } from "./useDelivered";
import { useDevice } from "./useDevice";
import { useReach } from "./useReach";
import { useReady } from "./useReady";
import { simulated, useSwitches } from "./useSwitches";
import { useUnlock } from "./useUnlock";
import { useWorker } from "./useWorker";
import { canNotify, type Reach } from "./webpush";

/** Everything the phone shows. */
export interface Phone {
  slot: string;
  ready: Ready | null;
  connection: "connecting" | "open" | "closed";
  switches: Switches;
  /** Whether real notifications of this browser reach the phone. */
  reach: Reach;
  /** Whether notifications can come to it at all, simulated or real. */
  notified: boolean;
  notifications: Notification[];
  /** Who brings messages in the place of the simulated networks. */
  senders: Senders;
  /** The request on the open sheet. */
  open: Prompt | null;
  /** Whether approving it needs the person checked, and how that stands. */
  unlock: Unlock;
  renewUnlock: (() => void) | null;
  outcome: Outcome | null;
  problem: Trouble | null;
  busy: boolean;
  remaining: (prompt: Prompt) => number;
  setSwitches: (switches: Switches) => void;
  /** Switches the browser's notifications on, from a click, or off. */
  notify: (on: boolean) => void;
  openRequest: (notification: Notification) => void;
  openApp: () => void;
  answer: (decision: Decision, number?: string) => void;
  lock: () => void;
  /** Sets the phone up once more; null where that is no help. */
  again: (() => void) | null;
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
  const [sheet, change] = useReducer(sheetReducer, locked);
  const [delivered, deliver] = useDelivered(ready);
  const { device, state } = useDevice(ready, slot, switches.online, (event) =>
    change({ did: "close", event }),
  );
  const real = useReach(device, slot, switches.push, ready && simulated(ready));
  const { unlock, renew: renewUnlock, prove } = useUnlock(device, sheet.open);
  useRemoval(state, renew, setProblem);

  const setSwitches = useCallback(
    (next: Switches) => {
      keepSwitches(next);
      if (next.push === switches.push || !device || !ready) return;
      const target = real.reach === "off" ? simulated(ready) : real.target;
      void attempt(() => device.setPush(next.push ? target : null)).then((done) => {
        if (!done) keepSwitches({ ...next, push: switches.push });
      });
    },
    [keepSwitches, attempt, switches.push, device, ready, real.reach, real.target],
  );

  const prompts = state?.prompts ?? [];
  const fresh = prompts.filter((p) => !sheet.seen.has(p.verificationId));
  const list = notifications(fresh, delivered, sheet.seen, switches.signal, Date.now());
  useArrivals(list, () => change({ did: "arrive" }));
  const waiting = sheet.open === null && list.some((n) => n.kind === "request");
  const senders = ready?.person.sent_by ?? {};
  const notified = canNotify(real.reach, senders);
  useStage({ slot, switches, notified, ready: ready !== null, waiting }, setSwitches);

  const present = (find: Find, id?: string) =>
    void attempt(async () => {
      const prompt = await find();
      change(prompt ? { did: "present", prompt } : nothing(id));
      const shown = prompt?.verificationId ?? id;
      if (shown) real.clear(shown);
      if (prompt) await device?.displayed(prompt.verificationId);
    });
  const openRequest = (id: string, data: Record<string, string>) =>
    present(async () => known(prompts, id) ?? (await device?.openPush(data)) ?? null, id);
  useWorker(device !== null, {
    pushed: (data) => takePush(data, prompts, sheet.seen, deliver),
    open: (id) => openRequest(id, { type: "prompt", verification_id: id }),
  });

  return {
    slot,
    ready,
    connection: switches.online ? (state?.connection ?? "connecting") : "closed",
    switches,
    reach: real.reach === "on" && !switches.push ? "ask" : real.reach,
    notified,
    notifications: list,
    senders,
    open: sheet.open,
    unlock,
    renewUnlock,
    outcome: sheet.outcome,
    problem,
    busy,
    remaining: (prompt) => device?.remaining(prompt) ?? 0,
    setSwitches,
    notify: (on) =>
      void attempt(async () => {
        if (!on) return await real.turnOff();
        await real.turnOn();
        keepSwitches({ ...switches, push: true });
      }),
    openRequest: (notification) => {
      if (notification.kind !== "request") return;
      openRequest(notification.verificationId, notification.push?.data ?? {});
    },
    openApp: () => present(async () => (await device?.fetchPrompts())?.at(-1) ?? null),
    answer: (decision, number) =>
      void attempt(async () => {
        const approving = decision === "approve";
        if (approving && !(await prove())) return;
        const userVerification = (approving && sheet.open?.requireUserVerification) || undefined;
        await answer(device, sheet.open, { decision, number, userVerification }, change);
      }),
    lock: () => {
      change({ did: "lock" });
      setProblem(null);
    },
    again,
  };
}

type Change = (change: SheetChange) => void;

type Find = () => Promise<Prompt | null>;

const known = (prompts: Prompt[], id: string) => prompts.find((p) => p.verificationId === id);

function nothing(id?: string): SheetChange {
  return { did: "find_nothing", outcome: id ? closed("gone") : noRequests, id };
}

// A push that came to the worker stands on the locked screen too. True when it stood there before.
function takePush(
  data: Record<string, string>,
  prompts: Prompt[],
  seen: ReadonlySet<string>,
  deliver: (message: Delivered) => void,
): boolean {
  const id = data.verification_id ?? "";
  if (known(prompts, id) || seen.has(id)) return true;
  const at = new Date().toISOString();
  if (data.type === "prompt") deliver({ id: `worker-${id}`, channel: "push", data, at });
  return false;
}

async function answer(
  device: Device | null,
  open: Prompt | null,
  given: Answer,
  change: Change,
): Promise<void> {
  if (!device || !open) return;
  change({ did: "answer" });
  try {
    const result = await device.respond(open.verificationId, given);
    const outcome = answered(given.decision, result.accepted, result.reason);
    change({ did: "learn", id: open.verificationId, outcome });
  } catch (error) {
    change({ did: "fail" });
    throw error;
  }
}

// A phone that the server no longer knows enrolls again, once.
function useRemoval(
  state: DeviceState | null,
  renew: () => void,
  setProblem: (problem: Trouble) => void,
): void {
  const lost = state?.closed?.kind === "unauthenticated" || state?.closed?.kind === "revoked";
  const renewed = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time it is lost
  useEffect(() => {
    if (!lost) return;
    if (renewed.current) setProblem(removed);
    else renew();
    renewed.current = true;
  }, [lost]);
}

// Tells of each notification once, when it is new on the locked screen.
function useArrivals(list: Notification[], onNew: () => void): void {
  const known = useRef(new Set<string>());
  useEffect(() => {
    const fresh = list.filter(({ key }) => !known.current.has(key));
    for (const { key } of fresh) known.current.add(key);
    if (fresh.length > 0) onNew();
  });
}

type StagePhone = Omit<Extract<Message, { nod: "phone" }>, "nod">;

// Tells the stage about this phone, and takes its switches from there.
function useStage(phone: StagePhone, setSwitches: (switches: Switches) => void): void {
  const { slot, switches, notified, ready, waiting } = phone;
  useEffect(
    () => tell(window.parent, { nod: "phone", slot, switches, notified, ready, waiting }),
    [slot, switches, notified, ready, waiting],
  );
  useEffect(
    () =>
      hear((message) => {
        if (message.nod === "switch" && message.slot === slot) setSwitches(message.switches);
      }),
    [slot, setSwitches],
  );
}
