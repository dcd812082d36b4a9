import { pause, Rest, readEvents } from "../../sdk";
import { asPerson } from "../person";
import type { Delivered } from "./model";

const rest = new Rest({ baseUrl: location.origin });

/**
 * The simulated networks of one phone: what the outbox holds for its number and
 * push token. Comes back by itself after a break, until the signal ends it.
 */
export async function followMessages(
  demoToken: string,
  pushToken: string,
  signal: AbortSignal,
  take: (message: Delivered) => void,
): Promise<void> {
  for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 10_000)) {
    try {
      const response = await rest.open("GET", "/demo/messages", {
        headers: { ...asPerson(demoToken), "Demo-Push-Token": pushToken },
        signal,
      });
      if (!response.body) return;
      for await (const { event, data } of readEvents(response.body)) {
        wait = 500;
        if (event !== "message") continue;
        const message = readMessage(data);
        if (message) take(message);
      }
    } catch {
      // The next round tries again; the page shows its own connection elsewhere.
    }
    await pause(wait, signal);
  }
}

/** Reads one message of the stream; null when it is none. */
export function readMessage(data: string): Delivered | null {
  try {
    const value = JSON.parse(data) as Partial<Delivered> | null;
    const known =
      typeof value?.id === "string" &&
      typeof value.at === "string" &&
      ["push", "sms", "voice", "email"].includes(value.channel ?? "");
    return known ? (value as Delivered) : null;
  } catch {
    return null;
  }
}
