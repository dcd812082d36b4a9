import { useCallback, useState } from "react";
import type { Device } from "../../sdk";
import { allOn, type Switches } from "../bridge";
import type { Ready } from "./setup";
import { keepSwitches, storedSwitches } from "./setup";

/** The phone's switches as it was left. */
export function useSwitches(slot: string): [Switches, (switches: Switches) => void] {
  const [switches, setSwitches] = useState<Switches>(() => storedSwitches(slot) ?? allOn);
  const keep = useCallback(
    (next: Switches) => {
      setSwitches(next);
      keepSwitches(slot, next);
    },
    [slot],
  );
  return [switches, keep];
}

/** Tells the server whether this phone may be woken by push. */
export function allowPush(device: Device, ready: Ready, allowed: boolean): Promise<void> {
  return device.setPush(allowed ? { provider: "fcm", token: ready.pushToken } : null);
}
