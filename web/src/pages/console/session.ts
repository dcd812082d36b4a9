import { NodError, Rest } from "../../sdk";

const key = "nod.console.session";
const rest = new Rest({ baseUrl: location.origin });
const refusals = new Set<(token: string) => void>();

/** The console session of this tab; null when it must be opened first. */
export function storedToken(): string | null {
  return sessionStorage.getItem(key);
}

/** Swaps an API key for a session of an hour. The key itself is not kept. */
export async function openSession(apiKey: string): Promise<string> {
  const { token } = await rest.call<{ token: string }>("POST", "/api/v1/console-sessions", {
    body: {},
    headers: { Authorization: `Bearer ${apiKey}` },
  });
  sessionStorage.setItem(key, token);
  return token;
}

/** Ends the session in this tab. */
export function closeSession(): void {
  sessionStorage.removeItem(key);
}

/** Tells of each session that an answer says opens nothing any more; returns what stops it. */
export function whenRefused(listener: (token: string) => void): () => void {
  refusals.add(listener);
  return () => refusals.delete(listener);
}

/** Asks the server to do something. */
export function send<Answer>(
  token: string,
  path: string,
  body: object = {},
  signal?: AbortSignal,
): Promise<Answer> {
  return call(token, "POST", path, { body, signal });
}

/** A call of the console that only reads. */
export function read<Answer>(token: string, path: string, signal?: AbortSignal): Promise<Answer> {
  return call(token, "GET", path, { signal, timeoutMs: 40_000 });
}

async function call<Answer>(
  token: string,
  method: string,
  path: string,
  options: { body?: object; signal?: AbortSignal; timeoutMs?: number },
): Promise<Answer> {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    return await rest.call<Answer>(method, path, { ...options, headers });
  } catch (error) {
    if (error instanceof NodError && error.status === 401) {
      for (const tell of refusals) tell(token);
    }
    throw error;
  }
}
