import { useEffect, useState } from "react";
import { buzz } from "./buzz";
import { followMessages } from "./messages";
import { addDelivered, type Delivered } from "./model";
import type { Ready } from "./setup";

/** What the simulated networks brought to this phone. */
export function useDelivered(ready: Ready | null): Delivered[] {
  const [delivered, setDelivered] = useState<Delivered[]>([]);
  useEffect(() => {
    if (!ready) return;
    const abort = new AbortController();
    void followMessages(ready.person.demo_token, ready.pushToken, abort.signal, (message) => {
      setDelivered((list) => addDelivered(list, message));
      if (Date.now() - Date.parse(message.at) < 5000) buzz();
    });
    return () => abort.abort();
  }, [ready]);
  return delivered;
}
