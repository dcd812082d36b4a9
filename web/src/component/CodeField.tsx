import { type ClipboardEvent, type Ref, useId } from "react";
import { onlyDigits } from "./digits";
import "./CodeField.css";

/**
 * One real input under drawn digit boxes: autofill of one-time codes, paste,
 * keyboards and screen readers work as in any input. `onComplete` fires once
 * the last digit is in.
 */
export function CodeField({
  label,
  length,
  value,
  onChange,
  onComplete,
  hint,
  error,
  disabled = false,
  oneTimeCode = true,
  keyboard = true,
  input,
}: {
  label: string;
  length: number;
  value: string;
  onChange: (digits: string) => void;
  onComplete?: (digits: string) => void;
  hint?: string;
  error?: string;
  disabled?: boolean;
  /** Offer the code of an SMS; off where the digits come from elsewhere. */
  oneTimeCode?: boolean;
  /** Let a touch screen open its keyboard; off beside a Keypad. */
  keyboard?: boolean;
  input?: Ref<HTMLInputElement>;
}) {
  const id = useId();
  const take = (raw: string) => {
    const digits = onlyDigits(raw, length);
    onChange(digits);
    if (digits.length === length && digits !== value) onComplete?.(digits);
  };
  // A whole code takes the place of what was typed before it.
  const paste = (event: ClipboardEvent) => {
    const digits = onlyDigits(event.clipboardData.getData("text"), length);
    if (digits.length < length) return;
    event.preventDefault();
    take(digits);
  };
  const told = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div className="nod-code" data-error={error ? "" : undefined}>
      <div className="nod-code-top">
        <label className="nod-code-label" htmlFor={id}>
          {label}
        </label>
        {hint && (
          <span className="nod-code-hint" id={`${id}-hint`}>
            {hint}
          </span>
        )}
      </div>
      <div className="nod-code-boxes" data-length={length} dir="ltr">
        {Array.from({ length }, (_, place) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: a box is its place
            key={place}
            className="nod-code-box"
            data-next={place === Math.min(value.length, length - 1) ? "" : undefined}
            aria-hidden="true"
          >
            {value[place] ?? ""}
          </span>
        ))}
        <input
          ref={input}
          id={id}
          className="nod-code-input"
          inputMode={keyboard ? "numeric" : "none"}
          autoComplete={oneTimeCode ? "one-time-code" : "off"}
          pattern={`[0-9]{${length}}`}
          spellCheck={false}
          value={value}
          disabled={disabled}
          aria-invalid={error ? true : undefined}
          aria-describedby={told || undefined}
          onChange={(e) => take(e.target.value)}
          onPaste={paste}
        />
      </div>
      {error && (
        <p className="nod-code-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}
