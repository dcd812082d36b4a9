import { NodError } from "./errors.ts";

/** Gets a user token for the page from its own backend (contract, section 2). */
export type FetchToken = () => string | Promise<string>;

/** A backend that does not answer must not hold a button for ever. */
const PATIENCE_MS = 15_000;

/** Keeps the user's token: fetched when first needed, and again when the server refuses it. */
export class TokenSource {
  readonly #fetchToken: FetchToken;
  #token: Promise<string> | null = null;

  constructor(fetchToken: FetchToken) {
    this.#fetchToken = fetchToken;
  }

  /** Does something under the token, once more with a new one when the old one is refused. Throws a NodError. */
  async use<T>(work: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    const token = this.#get();
    try {
      return await work({ authorization: `Bearer ${await token}` });
    } catch (error) {
      if (!(error instanceof NodError) || error.status !== 401) throw error;
      // Somebody else may have renewed it meanwhile.
      if (this.#token === token) this.#token = null;
      return await work({ authorization: `Bearer ${await this.#get()}` });
    }
  }

  // One question at a time, whoever asks; a failed one is not kept.
  #get(): Promise<string> {
    if (this.#token) return this.#token;
    const token = ask(this.#fetchToken);
    this.#token = token;
    token.catch(() => {
      if (this.#token === token) this.#token = null;
    });
    return token;
  }
}

async function ask(fetchToken: FetchToken): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("too slow")), PATIENCE_MS);
    });
    const token = await Promise.race([fetchToken(), late]);
    if (typeof token !== "string" || token === "") throw new TypeError("fetchToken gave no token");
    return token;
  } catch (cause) {
    if (cause instanceof NodError) throw cause;
    const problem = {
      code: "no_token",
      title: "You could not be recognized",
      detail: "Your sign-in could not be confirmed. Check your connection and try again.",
      status: 0,
    };
    throw new NodError(problem, { cause });
  } finally {
    clearTimeout(timer);
  }
}
