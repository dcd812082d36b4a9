import { useEffect, useReducer, useRef, useState } from "react";
import { Device, type DeviceState, type PromptClosed, wakeWithPage } from "../../sdk";
import { buzz } from "./buzz";
import type { Ready } from "./setup";

/** The client of the protocol: connected while `online`, told when a request goes away. */
export function useDevice(
  ready: Ready | null,
  slot: string,
  online: boolean,
  onClosed: (closed: PromptClosed) => void,
): { device: Device | null; state: DeviceState | null } {
  const [device, setDevice] = useState<Device | null>(null);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const closed = useRef(onClosed);
  closed.current = onClosed;
  useEffect(() => {
    if (!ready) return;
    const made = new Device({ record: ready.record, keys: ready.keys, slot });
    const stops = [
      made.subscribe(redraw),
      made.on("prompt", buzz),
      made.on("closed", (event) => closed.current(event)),
      wakeWithPage(made),
    ];
    setDevice(made);
    return () => {
      for (const stop of stops) stop();
      made.dispose();
    };
  }, [ready, slot]);
  useEffect(() => {
    if (online) device?.start();
    else device?.stop();
  }, [device, online]);
  return { device, state: device?.getState() ?? null };
}
