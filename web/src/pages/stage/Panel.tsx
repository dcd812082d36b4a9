import { type ReactNode, useState } from "react";
import { Button } from "../../component/Button";
import { Icon } from "../../theme/Icon";
import type { Switches } from "../bridge";
import { PhoneSwitches } from "../PhoneSwitches";
import type { Person } from "../person";
import { anyOf, awayWords, isNobody, isWebPush, pushAway, type Senders } from "../senders";
import { type Stage, type Try, tries } from "./model";
import { OwnPhone } from "./OwnPhone";

/** What can be changed on the stage: the switches of each phone, another phone, your own phone. */
export function Panel({
  stage,
  person,
  onSwitch,
  onAdd,
}: {
  stage: Stage;
  person: Person | null;
  onSwitch: (slot: string, switches: Switches) => void;
  onAdd: () => void;
}) {
  const [own, setOwn] = useState(false);
  return (
    <aside className="panel" aria-label="Settings of the stage">
      {stage.phones.length < 2 && (
        <Tries
          tried={stage.tried}
          senders={person?.sent_by ?? {}}
          notified={stage.phones.every((phone) => phone.notified)}
        />
      )}
      {stage.phones.map((phone) => (
        <fieldset className="panel-phone" key={phone.slot}>
          <legend>
            {stage.phones.length === 1 ? "Switch something off" : `Phone ${phone.slot}`}
          </legend>
          <PhoneSwitches
            switches={phone.switches}
            onChange={(switches) => onSwitch(phone.slot, switches)}
            notified={phone.notified}
            disabled={!phone.ready}
            senders={person?.sent_by ?? {}}
          />
        </fieldset>
      ))}
      <div className="panel-more">
        {stage.phones.length < 2 && (
          <Button icon="plus" onClick={onAdd}>
            Add a second phone
          </Button>
        )}
        <Button icon="app" disabled={!person} aria-expanded={own} onClick={() => setOwn(!own)}>
          Use your own phone
        </Button>
      </div>
      {own && person && <OwnPhone person={person} />}
    </aside>
  );
}

function triesWords(senders: Senders, notified: boolean): Record<Try, ReactNode> {
  const sms = anyOf(senders.sms);
  const text = sms ? `an SMS with a code goes to ${sms}` : "an SMS brings a code";
  const off = isNobody(senders.push)
    ? "Switch Online off and sign in again"
    : "Switch Push allowed off too";
  return {
    app: "Continue on the login page, then answer on the phone.",
    push: pushWords(senders, notified),
    code: `${off}: ${text}, in half a minute or when you ask for it.`,
  };
}

function pushWords(senders: Senders, notified: boolean): ReactNode {
  const away = pushAway(senders);
  const offline = "Switch Online off and sign in again:";
  if (away) return `${offline} a notification goes to ${away}. Open the app to answer.`;
  if (!isWebPush(senders) || notified) return `${offline} a notification takes over.`;
  return (
    <>
      First open{" "}
      <a href="/phone" target="_blank" rel="noreferrer">
        the phone's own page
      </a>{" "}
      and press Turn on notifications there. Then come back, switch Online off and sign in again: a
      notification takes over.
    </>
  );
}

// What to do first, and then; each one is ticked off when it led to a sign-in.
function Tries({
  tried,
  senders,
  notified,
}: {
  tried: readonly Try[];
  senders: Senders;
  notified: boolean;
}) {
  const words = triesWords(senders, notified);
  const away = awayWords(senders);
  const open = tries.filter((one) => one !== "push" || !isNobody(senders.push));
  const next = open.find((one) => !tried.includes(one));
  return (
    <section aria-labelledby="tries">
      <h2 id="tries">{next ? "Try it" : "You have seen the whole ladder"}</h2>
      <ol className="panel-tries">
        {open.map((one, place) => (
          <li
            key={one}
            data-state={tried.includes(one) ? "done" : one === next ? "next" : "later"}
            aria-current={one === next ? "step" : undefined}
          >
            <span className="panel-place">
              {tried.includes(one) ? <Icon name="check" /> : place + 1}
            </span>
            <span>
              {tried.includes(one) && <span className="nod-spoken">Done: </span>}
              {words[one]}
            </span>
          </li>
        ))}
      </ol>
      {away && <p className="panel-away">{away}</p>}
    </section>
  );
}
