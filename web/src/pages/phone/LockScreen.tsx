import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { timeOfDay } from "../../component/time";
import { framed } from "../bridge";
import { anyOf, awayWords, isNobody, pushAway } from "../senders";
import { NotificationCard } from "./NotificationCard";
import { ReachCard } from "./ReachCard";
import { useMinute } from "./useMinute";
import type { Phone } from "./usePhone";

/** The locked phone: the time, and notifications that give nothing away. */
export function LockScreen({ phone }: { phone: Phone }) {
  const now = useMinute();
  return (
    <div className="lock" inert={phone.open !== null || phone.outcome !== null}>
      <h1 className="nod-spoken">Locked phone</h1>
      <div className="lock-clock">
        <p className="lock-time" aria-hidden="true">
          {timeOfDay(now, false)}
        </p>
        <p className="lock-date">
          {new Date(now).toLocaleDateString("en-GB", {
            weekday: "long",
            day: "numeric",
            month: "long",
          })}
        </p>
      </div>
      {phone.problem && !phone.open && (
        <Notice tone="problem" icon="warning" title={phone.problem.title}>
          {phone.problem.text}
        </Notice>
      )}
      {phone.connection === "closed" && (
        <p className="lock-offline">The app is offline. {stillReached(phone)}</p>
      )}
      {phone.notifications.length > 0 ? (
        <ul className="lock-list" aria-label="Notifications">
          {phone.notifications.map((notification) => (
            <li key={notification.key}>
              <NotificationCard
                notification={notification}
                onOpen={() => phone.openRequest(notification)}
                disabled={phone.busy}
              />
            </li>
          ))}
        </ul>
      ) : (
        <p className="lock-empty">{emptyWords(phone)}</p>
      )}
      {!framed() && (
        <ReachCard
          reach={phone.reach}
          busy={phone.busy}
          onTurnOn={() => phone.notify(true)}
          onTurnOff={() => phone.notify(false)}
        />
      )}
      <div className="lock-foot">
        <Button tone="quiet" onClick={phone.openApp} busy={phone.busy}>
          Open the app
        </Button>
      </div>
    </div>
  );
}

function emptyWords({ senders }: Phone): string {
  const away = awayWords(senders);
  return away
    ? `Requests appear here while the app is connected. ${away}`
    : "Requests and messages will appear here.";
}

function stillReached({ switches: { push, signal }, notified, senders }: Phone): string {
  const woken = push && notified;
  const [away, texted] = [pushAway(senders), anyOf(senders.sms)];
  if (woken && away) return `A notification goes to ${away}, not here.`;
  if (woken) return "A notification can still reach it.";
  if (texted) return `An SMS goes to ${texted}, not here.`;
  return signal && !isNobody(senders.sms)
    ? "Only an SMS can reach this phone."
    : "Nothing can reach this phone now.";
}
