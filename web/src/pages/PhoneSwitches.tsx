import { Switch } from "../component/Switch";
import type { Switches } from "./bridge";
import { isNobody, pushAway, type Senders } from "./senders";

/** The three switches of a phone. Each one that is off cuts one rung of the ladder. */
export function PhoneSwitches({
  switches,
  onChange,
  disabled,
  senders,
}: {
  switches: Switches;
  onChange: (switches: Switches) => void;
  disabled: boolean;
  /** Who brings messages in the place of the simulated networks. */
  senders: Senders;
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
        hint={pushHint(switches.push, senders)}
        icon="push"
        on={switches.push}
        onChange={(push) => onChange({ ...switches, push })}
        disabled={disabled}
      />
      {/* What a provider has, no signal of this phone holds back. */}
      {!senders.sms && (
        <Switch
          label="Signal"
          hint={switches.signal ? "An SMS arrives" : "An SMS stays out of sight"}
          icon={switches.signal ? "signal" : "nosignal"}
          on={switches.signal}
          onChange={(signal) => onChange({ ...switches, signal })}
          disabled={disabled}
        />
      )}
    </div>
  );
}

function pushHint(on: boolean, senders: Senders): string {
  if (!on || isNobody(senders.push)) return "No notification can wake it";
  const away = pushAway(senders);
  return away ? `Notifications go to ${away}` : "Notifications can wake it";
}
