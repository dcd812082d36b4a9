import { Switch } from "../component/Switch";
import type { Switches } from "./bridge";
import { isNobody, pushAway, type Senders } from "./senders";

/** The three switches of a phone. Each one that is off cuts one rung of the ladder. */
export function PhoneSwitches({
  switches,
  onChange,
  notified,
  onNotify,
  disabled,
  senders,
}: {
  switches: Switches;
  onChange: (switches: Switches) => void;
  /** Whether notifications can come to the phone at all. */
  notified: boolean;
  /** Turns them on; without it that cannot be done from here. */
  onNotify?: (() => void) | null;
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
        hint={pushHint(switches.push, notified, senders)}
        icon="push"
        on={switches.push && notified}
        onChange={(push) => (notified ? onChange({ ...switches, push }) : onNotify?.())}
        disabled={disabled || !(notified || onNotify)}
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

function pushHint(on: boolean, notified: boolean, senders: Senders): string {
  if (!notified && !isNobody(senders.push)) return "Notifications are off";
  if (!notified || !on) return "No notification can wake it";
  const away = pushAway(senders);
  return away ? `Notifications go to ${away}` : "Notifications can wake it";
}
