import type { ServerClock } from "./clock.ts";
import type { DeviceTokens } from "./devicetokens.ts";
import type { PushTarget } from "./enrollment.ts";
import { NodError } from "./errors.ts";
import type { Jwks } from "./jws.ts";
import type { PromptFrame, PromptResult } from "./protocol.ts";
import type { Rest } from "./rest.ts";

/** A refused token whose date was wrong by more than this is made again. */
const SKEW_MS = 30_000;

/** A device as the server shows it: the token of its push never comes back. */
interface DeviceAnswer {
  id: string;
  push: Pick<PushTarget, "provider"> | null;
}

/** The REST side of a device: each call under a token of its own. All calls throw a NodError. */
export class DeviceCalls {
  readonly #rest: Rest;
  readonly #tokens: DeviceTokens;
  readonly #clock: ServerClock;

  constructor(rest: Rest, tokens: DeviceTokens, clock: ServerClock) {
    this.#rest = rest;
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** All open requests, unchecked. */
  async prompts(): Promise<PromptFrame[]> {
    const answer = await this.#call<{ prompts: PromptFrame[] }>("GET", "/api/v1/prompts");
    return answer.prompts;
  }

  /** Tells that a delivery arrived, or that it can be seen. */
  async report(kind: "ack" | "displayed", verificationId: string, delivery: string): Promise<void> {
    const body = { delivery_id: delivery };
    await this.#call("POST", `/api/v1/prompts/${verificationId}/${kind}`, body);
  }

  /** Hands in a signed answer; the same one again is told the same. */
  async respond(verificationId: string, token: string): Promise<PromptResult> {
    return await this.#call("POST", `/api/v1/prompts/${verificationId}/respond`, { token });
  }

  /** Changes the device's own record. */
  async update(deviceId: string, change: { push: PushTarget | null } | { name: string }) {
    await this.#call("PATCH", `/api/v1/devices/${deviceId}`, change);
  }

  /** What the server keeps of a user's devices; a device is shown itself alone. */
  async devices(userId: string): Promise<DeviceAnswer[]> {
    const path = `/api/v1/users/${encodeURIComponent(userId)}/devices`;
    const answer = await this.#call<{ devices: DeviceAnswer[] }>("GET", path);
    return answer.devices;
  }

  /** What the server signs with at present. */
  async keySet(): Promise<Jwks> {
    return await this.#rest.call("GET", "/.well-known/jwks.json");
  }

  // The refusal told the server's time: a token that was only dated wrongly is made again.
  async #call<Value>(method: string, path: string, body?: object): Promise<Value> {
    const offset = this.#clock.offset;
    const call = async (): Promise<Value> => {
      const headers = { authorization: await this.#tokens.forCall() };
      return await this.#rest.call<Value>(method, path, { body, headers });
    };
    try {
      return await call();
    } catch (error) {
      const refused = error instanceof NodError && error.status === 401;
      if (!refused || Math.abs(this.#clock.offset - offset) < SKEW_MS) throw error;
      return await call();
    }
  }
}
