import { Icon } from "../theme/Icon";
import { onlyDigits } from "./digits";
import "./Keypad.css";

const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

/** A phone's own keys for a short number. It sits beside a CodeField that shows the digits. */
export function Keypad({
  value,
  length,
  onChange,
  disabled = false,
}: {
  value: string;
  length: number;
  onChange: (digits: string) => void;
  disabled?: boolean;
}) {
  return (
    <fieldset className="keypad" disabled={disabled}>
      <legend className="nod-spoken">Keypad</legend>
      {keys.map((key) => (
        <button
          key={key}
          type="button"
          className="keypad-key"
          data-key={key}
          onClick={() => onChange(onlyDigits(value + key, length))}
        >
          {key}
        </button>
      ))}
      <button
        type="button"
        className="keypad-key keypad-erase"
        aria-label="Erase last digit"
        onClick={() => onChange(value.slice(0, -1))}
      >
        <Icon name="erase" />
      </button>
    </fieldset>
  );
}
