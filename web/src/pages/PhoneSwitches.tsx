import { Switch } from "../component/Switch";
import type { Switches } from "./bridge";

/** The three switches of a phone. Each one that is off cuts one rung of the ladder. */
export function PhoneSwitches({
  switches,
  onChange,
  disabled,
}: {
  switches: Switches;
  onChange: (switches: Switches) => void;
  disabled: boolean;
}) {
  return (
    <div className="switches">
      <Switch
        label="Online"
        hint={switches.online ? "The app is connected" : "The app has no connection"}
        icon={switches.online ? "online" : "offline"}
        on={switches.online}
        onChange={(online) => onChange({ ...switches, online })}
        disabled={disabled}
      />
      <Switch
        label="Push allowed"
        hint={switches.push ? "Notifications can wake it" : "No notification can wake it"}
        icon="push"
        on={switches.push}
        onChange={(push) => onChange({ ...switches, push })}
        disabled={disabled}
      />
      <Switch
        label="Signal"
        hint={switches.signal ? "An SMS arrives" : "An SMS stays out of sight"}
        icon={switches.signal ? "signal" : "nosignal"}
        on={switches.signal}
        onChange={(signal) => onChange({ ...switches, signal })}
        disabled={disabled}
      />
    </div>
  );
}
