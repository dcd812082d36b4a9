import { Rest } from "../../sdk";

const key = "nod.console.session";
const rest = new Rest({ baseUrl: location.origin });

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

/** Asks the server to do something. */
export function send<Answer>(token: string, path: string, body: object = {}): Promise<Answer> {
  return rest.call<Answer>("POST", path, { body, headers: { Authorization: `Bearer ${token}` } });
}

/** A call of the console that only reads. */
export function read<Answer>(token: string, path: string, signal?: AbortSignal): Promise<Answer> {
  return rest.call<Answer>("GET", path, {
    headers: { Authorization: `Bearer ${token}` },
    signal,
    timeoutMs: 40_000,
  });
}
