import { Announcer } from "../../component/Announcer";
import { PhoneFrame } from "../../component/PhoneFrame";
import { framed } from "../bridge";
import { PhoneSwitches } from "../PhoneSwitches";
import { LockScreen } from "./LockScreen";
import { OutcomeView } from "./OutcomeView";
import { RequestSheet } from "./RequestSheet";
import { SetupView } from "./SetupView";
import { StatusBar } from "./StatusBar";
import { type Phone, usePhone } from "./usePhone";
import "./phone.css";

/** The phone simulator: drawn as a phone on a desk screen, the whole screen on a real one. */
export function PhonePage({ slot }: { slot: string }) {
  const phone = usePhone(slot);
  const waiting = phone.notifications.find((n) => n.kind === "request");
  return (
    <main className="desk" aria-label={`Phone ${slot}`} data-framed={framed() ? "" : undefined}>
      <div className="desk-phone">
        <PhoneFrame>
          <div className="phone">
            <StatusBar phone={phone} />
            {phone.ready ? <LockScreen phone={phone} /> : <SetupView phone={phone} />}
            {phone.open && <RequestSheet phone={phone} prompt={phone.open} />}
            {phone.outcome && <OutcomeView outcome={phone.outcome} onDone={phone.lock} />}
          </div>
        </PhoneFrame>
      </div>
      {!framed() && (
        <section className="desk-switches" aria-labelledby="switches">
          <h2 id="switches">Try what happens without</h2>
          <PhoneSwitches
            switches={phone.switches}
            onChange={phone.setSwitches}
            notified={phone.notified}
            onNotify={canTurnOn(phone) ? () => phone.notify(true) : null}
            disabled={!phone.ready}
            senders={phone.senders}
          />
        </section>
      )}
      <Announcer
        polite={waiting && !phone.open ? "A sign-in request is waiting on this phone" : ""}
        assertive={phone.outcome ? `${phone.outcome.title}. ${phone.outcome.text}` : ""}
      />
    </main>
  );
}

// What the browser itself stands against, the card on the phone explains.
function canTurnOn({ reach, busy }: Phone): boolean {
  return (reach === "ask" || reach === "unreachable") && !busy;
}
