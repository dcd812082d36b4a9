import { useId } from "react";
import "./Choice.css";

/** One of a few, side by side. The arrow keys move between them. */
export function Choice<Value extends string>({
  legend,
  options,
  value,
  onChange,
}: {
  /** What is chosen, for who cannot see where it stands. */
  legend: string;
  options: readonly { value: Value; label: string }[];
  value: Value;
  onChange: (value: Value) => void;
}) {
  const name = useId();
  return (
    <fieldset className="choice">
      <legend className="nod-spoken">{legend}</legend>
      {options.map((option) => (
        <label key={option.value} className="choice-one">
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
