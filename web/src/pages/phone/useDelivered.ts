import { useCallback, useEffect, useState } from "react";
import { buzz } from "./buzz";
import { followMessages } from "./messages";
import { addDelivered, type Delivered } from "./model";
import type { Ready } from "./setup";

const nothingSimulated = ({ person: { sent_by } }: Ready) => Boolean(sent_by?.push && sent_by.sms);

/** What the networks brought to this phone, and how to add what came another way. */
export function useDelivered(ready: Ready | null): [Delivered[], (message: Delivered) => void] {
  const [delivered, setDelivered] = useState<Delivered[]>([]);
  const add = useCallback(
    (message: Delivered) => setDelivered((list) => addDelivered(list, message)),
    [],
  );
  useEffect(() => {
    if (!ready || nothingSimulated(ready)) return;
    const abort = new AbortController();
    void followMessages(ready.person.demo_token, ready.pushToken, abort.signal, (message) => {
      add(message);
      if (Date.now() - Date.parse(message.at) < 5000) buzz();
    });
    return () => abort.abort();
  }, [ready, add]);
  return [delivered, add];
}
