import { timeOfDay } from "../../component/time";
import { Icon } from "../../theme/Icon";
import { useMinute } from "./useMinute";
import type { Phone } from "./usePhone";

/** The phone's top line: the time, and what is cut off in words as well as signs. */
export function StatusBar({ phone }: { phone: Phone }) {
  const now = useMinute();
  const { switches, connection } = phone;
  return (
    <div className="status">
      <span className="status-time">{timeOfDay(now, false)}</span>
      <span className="status-signs">
        {!switches.push && <span className="status-word">Push off</span>}
        <span className="status-word">
          {connection === "closed" ? "Offline" : connection === "connecting" ? "Connecting" : ""}
        </span>
        <span className="nod-spoken">
          {switches.signal ? "Signal" : "No signal"}
          {connection === "open" ? ", online" : ""}
        </span>
        <Icon name={switches.signal ? "signal" : "nosignal"} />
        <Icon name={connection === "open" ? "online" : "offline"} />
      </span>
    </div>
  );
}
