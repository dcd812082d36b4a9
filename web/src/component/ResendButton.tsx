import type { StatusBody } from "../sdk";
import { Button } from "./Button";
import { duration, momentOf } from "./duration";
import { Ring } from "./Ring";
import { useSay } from "./texts";
import { inWords, isSpoken } from "./time";
import { type Clock, useSecondsLeft } from "./useSecondsLeft";

/**
 * The one button that sends another code. Its text says where the resends stand: the wait, how many
 * are used, or that none is left. While it waits a ring empties beside the text.
 */
export function ResendButton({
  status,
  now,
  sending,
  disabled = false,
  accent = false,
  onResend,
}: {
  status: StatusBody;
  now: Clock;
  /** Its own press is being carried out. */
  sending: boolean;
  disabled?: boolean;
  /** Another code is the one thing to do now. */
  accent?: boolean;
  onResend: () => void;
}) {
  const say = useSay();
  const left = useSecondsLeft(momentOf(status.next_resend_at), now) ?? 0;
  const used = status.resend_count ?? 0;
  const most = status.max_resends ?? 3;
  const text = () => {
    if (sending) return say("resend.sending");
    if (left > 0) return say("resend.in", { time: duration(left) });
    return used >= most ? say("resend.none") : say("resend.again", { used, most });
  };
  const spoken = isSpoken(left) && !sending;
  return (
    <>
      <Button
        wide
        tone={accent ? "accent" : "plain"}
        busy={sending}
        disabled={disabled || left > 0 || used >= most}
        before={left > 0 && <Ring share={left / Math.max(status.next_resend_delay ?? 0, left)} />}
        onClick={onResend}
      >
        {text()}
      </Button>
      <span className="nod-spoken" aria-live="polite">
        {spoken ? say("resend.ready_in", { time: inWords(say, left) }) : ""}
      </span>
    </>
  );
}
