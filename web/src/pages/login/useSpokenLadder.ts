import { railSteps } from "../../component/rail";
import { useSay } from "../../component/texts";
import { spokenCountdown } from "../../component/time";
import { useSecondsLeft } from "../../component/useSecondsLeft";
import type { SignIn } from "./useSignIn";

/** What a screen reader hears politely: the step under way, and the countdown at 30, 10 and 5. */
export function useSpokenLadder({ status, now, phase, tracks }: SignIn): string {
  const say = useSay();
  const ends = status?.prompt_expires_at ? Date.parse(status.prompt_expires_at) : null;
  const left = useSecondsLeft(phase === "open" ? ends : null, now);
  if (phase === "starting") return say("login.starting");
  if (phase !== "open" || !status) return "";
  const countdown = left === null ? null : spokenCountdown(say, left);
  if (countdown) return countdown;
  const step = railSteps(say, status, tracks, null).findLast(
    (s) => s.state === "active" || s.state === "failed",
  );
  return step?.sentence ?? "";
}
