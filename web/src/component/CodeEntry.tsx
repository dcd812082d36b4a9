import { type FormEvent, useEffect, useRef, useState } from "react";
import type { StatusBody } from "../sdk";
import { Button } from "./Button";
import { CodeField } from "./CodeField";
import { duration, momentOf } from "./duration";
import { useSay } from "./texts";
import { type Clock, useSecondsLeft } from "./useSecondsLeft";
import { useWebOtp } from "./useWebOtp";
import "./CodeEntry.css";

/**
 * The code's field with its button. A whole code is checked by itself, whether typed, pasted or
 * brought by the browser; one that was wrong leaves an empty field, what is wrong and the tries.
 */
export function CodeEntry({
  status,
  now,
  checking,
  wrong,
  disabled = false,
  onCheck,
}: {
  status: StatusBody;
  now: Clock;
  /** A code is being checked. */
  checking: boolean;
  /** How often a code was wrong; each time it grows the field begins anew. */
  wrong: number;
  disabled?: boolean;
  onCheck: (code: string) => void;
}) {
  const say = useSay();
  const length = status.code_length ?? 6;
  const [code, setCode] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const left = useSecondsLeft(momentOf(status.expires_at), now);
  const check = (digits: string) => {
    if (digits.length === length && !checking && !disabled) onCheck(digits);
  };
  useWebOtp(!disabled, (received) => {
    setCode(received);
    check(received);
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: each wrong code begins anew
  useEffect(() => setCode(""), [wrong, status.expires_at]);
  // While a code is checked the field takes nothing, so that it loses the focus.
  useEffect(() => {
    const acted = navigator.userActivation?.hasBeenActive ?? true;
    if (checking || disabled || !acted || !document.hasFocus()) return;
    field.current?.focus({ preventScroll: true });
  }, [checking, disabled]);

  const tries = status.attempts_remaining;
  const hint = [
    tries != null && tries > 0 && say("code.tries_left", { count: tries }),
    left !== null && left > 0 && say("code.good_for", { time: duration(left) }),
  ];
  return (
    <form
      className="nod-entry"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        check(code);
      }}
    >
      <CodeField
        label={say("code.label", { length })}
        length={length}
        value={code}
        onChange={setCode}
        onComplete={check}
        disabled={checking || disabled}
        input={field}
        hint={hint.filter(Boolean).join(" · ")}
        error={wrong > 0 && code === "" && !checking ? say("code.wrong") : undefined}
      />
      <Button
        tone="accent"
        wide
        type="submit"
        busy={checking}
        disabled={disabled || code.length !== length}
      >
        {say(checking ? "code.checking" : "code.confirm")}
      </Button>
    </form>
  );
}
