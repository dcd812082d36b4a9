import {
  type ChangeEvent,
  type FormEvent,
  useCallback,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { Button } from "./Button";
import { CountrySelect } from "./CountrySelect";
import { type Country, caretAfter, meant, namesOf, type Phones, significant } from "./phonenumber";
import { useSay } from "./texts";
import { useCountry } from "./useCountry";
import { usePhones } from "./usePhones";
import "./Field.css";

/**
 * The entry of a phone number: the country, the number as it is written there, and one button. It
 * gives a number in E.164 or says what is wrong with it, and takes one with a + from anywhere.
 */
export function PhoneEntry({
  initial = "",
  sending,
  disabled = false,
  submit,
  error,
  onSubmit,
  onChange,
}: {
  /** A number to begin with, E.164. */
  initial?: string;
  sending: boolean;
  disabled?: boolean;
  /** The words on the button. */
  submit: string;
  /** What somebody else found wrong with the number that was given. */
  error?: string;
  /** Takes a number in E.164. */
  onSubmit: (number: string) => void;
  /** The person writes another one. */
  onChange?: () => void;
}) {
  const say = useSay();
  const phones = usePhones();
  const [country, chooseCountry, rememberCountry] = useCountry(phones);
  const [text, setText] = useState(initial);
  const [wrong, setWrong] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const caret = useRef<number | null>(null);
  const id = useId();

  const write = (known: Phones, typed: string): string => {
    const written = known.write(typed, country);
    setText(written.text);
    if (written.country !== country) chooseCountry(written.country);
    return written.text;
  };
  const edit = (event: ChangeEvent<HTMLInputElement>) => {
    const { value, selectionStart } = event.target;
    setWrong(null);
    onChange?.();
    if (!phones) return setText(value);
    const forward = (event.nativeEvent as InputEvent).inputType === "deleteContentForward";
    const { typed, before } = meant(text, value, selectionStart ?? value.length, forward);
    caret.current = caretAfter(write(phones, typed), before);
  };
  const move = useCallback(
    (next: Country) => {
      setText((known) => phones?.move(known, country, next) ?? known);
      chooseCountry(next);
      setWrong(null);
    },
    [phones, country, chooseCountry],
  );
  // The number was rewritten under the caret; it goes back to the digit where it stood.
  useLayoutEffect(() => {
    const place = caret.current;
    caret.current = null;
    if (place !== null && document.activeElement === field.current) {
      field.current?.setSelectionRange(place, place);
    }
  });
  // A number to begin with is written out as soon as somebody knows how.
  const [written, setWritten] = useState(false);
  if (phones && !written) {
    setWritten(true);
    if (text) write(phones, text);
  }

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (sending || disabled) return;
    const reading = phones ? phones.read(text, country) : readPlain(text);
    if ("wrong" in reading) {
      const name = namesOf([country], say.language)[0]?.name ?? country;
      setWrong(say(`entry.${reading.wrong}`, { country: name }));
      field.current?.focus();
      return;
    }
    rememberCountry(reading.country);
    onSubmit(reading.number);
  };
  const said = wrong ?? error;
  return (
    <form className="nod-entry" onSubmit={send} noValidate>
      <div className="nod-field">
        <label className="nod-field-label" htmlFor={`${id}-country`}>
          {say("entry.country")}
        </label>
        <div className="nod-field-box">
          <CountrySelect
            id={`${id}-country`}
            phones={phones}
            country={country}
            disabled={sending || disabled}
            onChoose={move}
          />
        </div>
      </div>
      <div className="nod-field" data-error={said ? "" : undefined}>
        <label className="nod-field-label" htmlFor={`${id}-number`}>
          {say("entry.number")}
        </label>
        <div className="nod-field-box" dir="ltr">
          {phones && !text.startsWith("+") && (
            <span className="nod-field-code" aria-hidden="true">
              {phones.codeOf(country)}
            </span>
          )}
          <input
            ref={field}
            id={`${id}-number`}
            className="nod-field-input"
            type="tel"
            inputMode="tel"
            autoComplete="tel"
            value={text}
            disabled={sending || disabled}
            aria-invalid={said ? true : undefined}
            aria-describedby={said ? `${id}-error` : undefined}
            onChange={edit}
          />
        </div>
        {said && (
          <p className="nod-field-error" id={`${id}-error`} role="alert">
            {said}
          </p>
        )}
      </div>
      <Button tone="accent" wide type="submit" busy={sending} disabled={disabled}>
        {sending ? say("entry.sending") : submit}
      </Button>
    </form>
  );
}

// Without the numbers of the world one is still good in its international form.
function readPlain(
  typed: string,
): { number: string; country?: undefined } | { wrong: "empty" | "needs_plus" } {
  const number = significant(typed);
  if (number === "" || number === "+") return { wrong: "empty" };
  return /^\+\d{7,15}$/.test(number) ? { number } : { wrong: "needs_plus" };
}
