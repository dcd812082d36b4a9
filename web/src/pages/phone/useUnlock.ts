import { useEffect, useRef, useState } from "react";
import { canVerifyUser, type Device, type Prompt, UserNotVerified, verifyUser } from "../../sdk";
import type { Unlock } from "./unlock";

/** The check of the person before an approval. */
export interface Unlocking {
  unlock: Unlock;
  /** Makes the check anew with the next approval; null where there is nothing to make anew. */
  renew: (() => void) | null;
  /** Has the device check its person, where the open request needs it; false when it did not. */
  prove: () => Promise<boolean>;
}

/** Keeps up with what the open request needs, and takes the browser's question back with it. */
export function useUnlock(device: Device | null, open: Prompt | null): Unlocking {
  const needed = open?.requireUserVerification ?? false;
  const [unlock, setUnlock] = useState<Unlock>("none");
  const [renewable, setRenewable] = useState(false);
  const anew = useRef(false);
  const asking = useRef<AbortController | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each request is looked at anew
  useEffect(() => {
    if (!needed) return setUnlock("none");
    let current = true;
    setUnlock("looking");
    void canVerifyUser().then((ability) => {
      if (current) setUnlock(ability === "able" ? "ready" : ability);
    });
    return () => {
      current = false;
      asking.current?.abort();
      setRenewable(false);
    };
  }, [needed, open?.signed]);

  const prove = async (): Promise<boolean> => {
    if (!device || !open || !needed) return true;
    asking.current = new AbortController();
    const { signal } = asking.current;
    const options = { signal, anew: anew.current };
    anew.current = false;
    setUnlock("ready"); // the last failure is over; the same one again is told again
    try {
      await verifyUser(device, open, options);
      return true;
    } catch (error) {
      if (!(error instanceof UserNotVerified)) throw error;
      const known = await device.loadCredential().catch(() => null);
      // Whatever took the question away has its own words.
      if (signal.aborted) return false;
      setRenewable(known !== null);
      setUnlock(error.reason);
      return false;
    }
  };
  return {
    unlock: needed && unlock === "none" ? "looking" : unlock,
    renew: renewable
      ? () => {
          anew.current = true;
          setRenewable(false);
          setUnlock("ready");
        }
      : null,
    prove,
  };
}
