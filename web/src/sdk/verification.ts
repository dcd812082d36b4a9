import type { StatusBody } from "./protocol.ts";
import type { Rest } from "./rest.ts";

/** What the holder of a `client_secret` may do with its verification. All calls throw a NodError. */
export class Verification {
  readonly #rest: Rest;
  readonly #path: string;
  readonly #secret: string;

  constructor(rest: Rest, verificationId: string, clientSecret: string) {
    this.#rest = rest;
    this.#path = `/api/v1/verifications/${verificationId}`;
    this.#secret = clientSecret;
  }

  /** Reads the state now. */
  async read(): Promise<StatusBody> {
    return await this.#rest.call("GET", this.#path, { headers: this.#headers() });
  }

  /** Tries a code; `ok` says whether it was right. */
  async check(code: string): Promise<StatusBody & { ok: boolean }> {
    const call = { body: { code }, headers: this.#headers() };
    return await this.#rest.call("POST", `${this.#path}/check`, call);
  }

  /** Asks for another message, over the last channel unless another is named. */
  async resend(channel?: string): Promise<StatusBody> {
    return await this.#send("resend", channel ? { channel } : {});
  }

  /** Starts the next channel now. */
  async next(): Promise<StatusBody> {
    return await this.#send("next", {});
  }

  /** Ends the verification. */
  async cancel(): Promise<StatusBody> {
    const call = { body: {}, headers: this.#headers() };
    return await this.#rest.call("POST", `${this.#path}/cancel`, call);
  }

  async #send(action: string, body: object): Promise<StatusBody> {
    return await this.#rest.send(`${this.#path}/${action}`, body, this.#headers());
  }

  #headers(): Record<string, string> {
    return { "nod-client-secret": this.#secret };
  }
}
