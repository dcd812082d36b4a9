import { useCallback, useEffect, useRef, useState } from "react";
import { type Device, NodError, type Prompt, type PushTarget } from "../../sdk";
import { closeEnded, closeRequest, type Notifier, showRequest } from "../../worker/notices";
import { pushKey, targetOf } from "../../worker/subscription";
import {
  ability,
  forgetTold,
  type Reach,
  standing,
  takeBack,
  tellOnce,
  turnOn,
  workerOf,
} from "./webpush";

/** Notifications of this phone, and what the person does about them. */
export interface Notifications {
  reach: Reach;
  /** Where pushes go while `reach` is on. */
  target: PushTarget | null;
  /** Asks, subscribes and tells the server. Call it from a click. Throws a NodError. */
  turnOn: () => Promise<void>;
  /** Ends the subscription. Throws a NodError when the server cannot be told. */
  turnOff: () => Promise<void>;
  /** Takes a request's notification away: it is on the screen, or over. */
  clear: (verificationId: string) => void;
}

/**
 * Keeps up with what the browser allows, the server offers and the person chose. `simulated` is
 * where pushes go while the server has no Web Push.
 */
export function useReach(
  device: Device | null,
  slot: string,
  pushAllowed: boolean,
  simulated: PushTarget | null,
): Notifications {
  const [reach, setReach] = useState<Reach>("off");
  const [target, setTarget] = useState<PushTarget | null>(null);
  const key = useRef<string | null>(null);
  const latest = useRef({ pushAllowed, simulated });
  latest.current = { pushAllowed, simulated };

  const look = useCallback(async () => {
    if (!device) return;
    key.current ??= await pushKey(location.origin);
    const { pushAllowed: allowed, simulated: before } = latest.current;
    if (!key.current) {
      if (before && allowed) await takeBack(slot, device, before);
      return;
    }
    const can = ability();
    const worker = can === "able" ? await workerOf(slot) : null;
    if (worker) await closeEnded(worker);
    const subscription = await standing(worker, key.current).catch(() => null);
    // While push is switched off the server is told nothing: it is not to wake the phone at all.
    if (allowed) await tellOnce(slot, device, subscription);
    setTarget(subscription && targetOf(subscription));
    if (can !== "able") setReach(can);
    else if (subscription) setReach("on");
    else setReach((now) => (now === "unreachable" ? now : "ask"));
  }, [device, slot]);

  useEffect(() => {
    const again = () => void look().catch(() => undefined);
    again();
    return onReturn(again);
  }, [look]);
  useHiddenPrompts(device, slot, reach === "on");

  return {
    reach,
    target,
    turnOn: async () => {
      if (!device || !key.current) return;
      try {
        const subscription = await turnOn(slot, key.current);
        if (!subscription) return setReach(ability() === "blocked" ? "blocked" : "ask");
        forgetTold(slot);
        await tellOnce(slot, device, subscription);
        setTarget(targetOf(subscription));
        setReach("on");
      } catch (error) {
        if (error instanceof NodError) throw error;
        setReach("unreachable");
      }
    },
    turnOff: async () => {
      if (!device) return;
      await tellOnce(slot, device, null);
      setTarget(null);
      setReach("ask");
      await (await (await workerOf(slot))?.pushManager.getSubscription())?.unsubscribe();
    },
    clear: useCallback(
      (verificationId) => void withWorker(slot, (worker) => closeRequest(worker, verificationId)),
      [slot],
    ),
  };
}

// A request that arrives over the socket of a page nobody looks at is acknowledged, so that no
// push follows: the page shows what the push would have shown.
function useHiddenPrompts(device: Device | null, slot: string, on: boolean): void {
  useEffect(() => {
    if (!device || !on) return;
    const show = (prompt: Prompt) => {
      if (document.visibilityState === "visible") return;
      const endsAt = Date.now() + device.remaining(prompt) * 1000;
      void withWorker(slot, (worker) =>
        showRequest(worker, prompt.verificationId, undefined, endsAt),
      );
    };
    const stops = [
      device.on("prompt", show),
      device.on("closed", ({ verification_id }) => {
        void withWorker(slot, (worker) => closeRequest(worker, verification_id));
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [device, slot, on]);
}

// A notification is a courtesy: the request is on the page in any case.
async function withWorker(slot: string, work: (worker: Notifier) => Promise<void>): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  try {
    const worker = await workerOf(slot);
    if (worker) await work(worker);
  } catch {
    // The browser has taken the permission away meanwhile.
  }
}

// Whoever comes back may have changed the browser's settings; some browsers tell it at once.
function onReturn(look: () => void): () => void {
  const shown = () => document.visibilityState === "visible" && look();
  document.addEventListener("visibilitychange", shown);
  let permission: PermissionStatus | undefined;
  void navigator.permissions?.query({ name: "notifications" }).then(
    (status) => {
      permission = status;
      status.onchange = look;
    },
    () => undefined,
  );
  return () => {
    document.removeEventListener("visibilitychange", shown);
    if (permission) permission.onchange = null;
  };
}
