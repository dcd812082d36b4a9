import { useCallback, useState } from "react";
import type { PushTarget } from "../../sdk";
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

/** Where the demo's simulated network finds this phone. */
export function simulated(ready: Ready): PushTarget {
  return { provider: "fcm", token: ready.pushToken };
}
