import { useCallback, useEffect, useRef, useState } from "react";
import { type Device, NodError, type Prompt, type PushTarget } from "../../sdk";
import { closeEnded, closeRequest, type Notifier, showRequest } from "../../worker/notices";
import { pushKey, targetOf } from "../../worker/subscription";
import { ability, forgetTold, type Reach, standing, tellOnce, turnOn, workerOf } from "./webpush";

/** Notifications of this phone, and what the person does about them. */
export interface Notifications {
  reach: Reach;
  /** Where pushes go while they are on; null: to the demo's simulated network. */
  target: PushTarget | null;
  /** Asks, subscribes and tells the server. Call it from a click. Throws a NodError. */
  turnOn: () => Promise<void>;
  /** Ends the subscription; `otherwise` is where pushes go from now on. Throws a NodError. */
  turnOff: (otherwise: PushTarget) => Promise<void>;
  /** Takes a request's notification away: it is on the screen, or over. */
  clear: (verificationId: string) => void;
}

/** Keeps up with what the browser allows, the server offers and the person chose. */
export function useReach(device: Device | null, slot: string, pushAllowed: boolean): Notifications {
  const [reach, setReach] = useState<Reach>("off");
  const [target, setTarget] = useState<PushTarget | null>(null);
  const key = useRef<string | null>(null);
  const allowed = useRef(pushAllowed);
  allowed.current = pushAllowed;

  const look = useCallback(async () => {
    if (!device) return;
    key.current ??= await pushKey(location.origin);
    if (!key.current) return;
    const can = ability();
    if (can !== "able") return setReach(can);
    const worker = await workerOf(slot);
    if (worker) await closeEnded(worker);
    const subscription = await standing(worker, key.current);
    if (!subscription) return setReach((now) => (now === "unreachable" ? now : "ask"));
    if (allowed.current) await tellOnce(slot, device, subscription);
    setTarget(targetOf(subscription));
    setReach("on");
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
    turnOff: async (otherwise) => {
      if (!device) return;
      await device.setPush(otherwise);
      forgetTold(slot);
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
