import { useId } from "react";
import { Icon, type IconName } from "../theme/Icon";
import "./Switch.css";

/** An on/off switch with a name and one line on what it does. */
export function Switch({
  label,
  hint,
  icon,
  on,
  onChange,
  disabled = false,
}: {
  label: string;
  hint: string;
  icon: IconName;
  on: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-checked={on}
      aria-labelledby={`${id}-label`}
      aria-describedby={`${id}-hint`}
      disabled={disabled}
      onClick={() => onChange(!on)}
    >
      <Icon name={icon} />
      <span className="switch-words">
        <span className="switch-label" id={`${id}-label`}>
          {label}
        </span>
        <span className="switch-hint" id={`${id}-hint`}>
          {hint}
        </span>
      </span>
      <span className="switch-state" aria-hidden="true">
        {on ? "On" : "Off"}
      </span>
      <span className="switch-track" aria-hidden="true" />
    </button>
  );
}
