import type { Connection } from "./connection.ts";
import type { DeviceCalls } from "./devicecalls.ts";

/** Deliveries that are remembered as told; older ones are long over. */
const MAX_TOLD = 64;

/** What a device tells of deliveries: over the socket if it takes it, else over REST. */
export class Reports {
  readonly #connection: Connection;
  readonly #calls: DeviceCalls;
  readonly #told = { ack: new Set<string>(), displayed: new Set<string>() };

  constructor(connection: Connection, calls: DeviceCalls) {
    this.#connection = connection;
    this.#calls = calls;
  }

  /** Tells each thing once; a report that does not arrive only costs another message. */
  async tell(
    kind: "ack" | "displayed",
    about: { verificationId: string; deliveryId: string },
  ): Promise<void> {
    const { verificationId, deliveryId } = about;
    const told = this.#told[kind];
    if (told.has(deliveryId)) return;
    told.add(deliveryId);
    if (told.size > MAX_TOLD) {
      const [oldest] = told;
      if (oldest) told.delete(oldest);
    }
    if (this.#connection.send({ type: kind, data: { delivery_id: deliveryId } })) return;
    await this.#calls.report(kind, verificationId, deliveryId).catch(() => told.delete(deliveryId));
  }
}
