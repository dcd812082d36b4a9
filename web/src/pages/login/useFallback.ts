import type { Fallback } from "../../component/rail";
import { useSecondsLeft } from "../../component/useSecondsLeft";
import type { SignIn } from "./useSignIn";

/** What the ladder does next by itself, in whole seconds on the server's clock; null when nothing. */
export function useFallback({ status, now }: SignIn): Fallback | null {
  const next = status?.fallback;
  const at = status && next ? Date.parse(status.server_time) + next.in * 1000 : null;
  const seconds = useSecondsLeft(at, now);
  return next && seconds !== null ? { channel: next.channel, seconds } : null;
}
