import { useEffect, useReducer, useRef, useState } from "react";
import { ThemeButton } from "../../component/ThemeButton";
import { Timeline } from "../../component/Timeline";
import { timelineLines } from "../../component/timeline";
import { Mark } from "../../theme/Mark";
import { hear, type Switches, tell } from "../bridge";
import { ensurePerson, type Person } from "../person";
import { CurlLine } from "./CurlLine";
import { empty, skipped, stageReducer } from "./model";
import { Panel } from "./Panel";
import { PhoneWindow } from "./PhoneWindow";
import "./stage.css";

/** The first minute: a login page and a phone, live, and what happens between them. */
export function StagePage() {
  const [stage, take] = useReducer(stageReducer, empty);
  const [person, setPerson] = useState<Person | null>(null);
  const frames = useRef(new Map<string, HTMLIFrameElement>());
  useEffect(() => hear(take), []);
  useEffect(() => {
    // Without a person the frames say what is wrong; the stage only waits.
    ensurePerson().then(setPerson, () => undefined);
  }, []);
  const setSwitches = (slot: string, switches: Switches) =>
    tell(frames.current.get(slot)?.contentWindow, { nod: "switch", slot, switches });
  const lines = timelineLines(stage.events);
  const asking = stage.phones.find((phone) => phone.waiting);
  return (
    <div className="stage">
      <header className="stage-top">
        <Mark />
        <div>
          <h1>nod</h1>
          <p>You sign in on a page. Your phone asks if it is you. You nod.</p>
        </div>
        <nav className="stage-nav" aria-label="More">
          <a href="/docs">API</a>
          <a href="/console">Console</a>
          <ThemeButton />
        </nav>
      </header>
      <main className="stage-main" aria-label="Stage" data-phones={stage.phones.length}>
        <section className="browser" aria-label="Login page">
          <div className="browser-bar" aria-hidden="true">
            <span className="browser-dots" />
            <span className="browser-address">demo-bank.example/login</span>
          </div>
          <iframe title="Login page" src="/login" allow="otp-credentials; clipboard-write" />
        </section>
        {stage.phones.map((phone) => (
          <PhoneWindow
            key={phone.slot}
            phone={phone}
            frame={(element) => {
              if (element) frames.current.set(phone.slot, element);
              else frames.current.delete(phone.slot);
            }}
          />
        ))}
        <Panel
          stage={stage}
          person={person}
          onSwitch={setSwitches}
          onAdd={() => take({ nod: "add_phone" })}
        />
      </main>
      {asking && (
        <a className="stage-hint" href={`#phone-${asking.slot}`}>
          Your phone is asking
        </a>
      )}
      <section className="stage-timeline" aria-labelledby="timeline">
        <div className="stage-heading">
          <h2 id="timeline">What happens, as it happens</h2>
          {lines.length > 0 && <p>Milliseconds since you asked to sign in</p>}
        </div>
        {lines.length > 0 ? (
          <>
            <Timeline lines={lines} label="Timeline of this sign-in" />
            {skipped(stage.events) && (
              <p className="stage-note">
                This browser is remembered, so the phone was not asked. Press “Forget it” on the
                login page, and the next sign-in asks it again.
              </p>
            )}
          </>
        ) : (
          <p className="stage-empty">
            Sign in on the login page. Each step will appear here, with its delay in milliseconds.
          </p>
        )}
      </section>
      <CurlLine person={person} />
    </div>
  );
}
