import { useState } from "react";
import { Button } from "../../component/Button";
import { Icon } from "../../theme/Icon";
import type { Switches } from "../bridge";
import { PhoneSwitches } from "../PhoneSwitches";
import type { Person } from "../person";
import { anyOf, awayWords, isWebPush, pushAway, type Senders } from "../senders";
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
      {stage.phones.length < 2 && <Tries tried={stage.tried} senders={person?.sent_by ?? {}} />}
      {stage.phones.map((phone) => (
        <fieldset className="panel-phone" key={phone.slot}>
          <legend>
            {stage.phones.length === 1 ? "Switch something off" : `Phone ${phone.slot}`}
          </legend>
          <PhoneSwitches
            switches={phone.switches}
            onChange={(switches) => onSwitch(phone.slot, switches)}
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

function triesWords(senders: Senders): Record<Try, string> {
  const sms = anyOf(senders.sms);
  const text = sms ? `an SMS with a code goes to ${sms}` : "an SMS brings a code";
  return {
    app: "Continue on the login page, then answer on the phone.",
    push: pushWords(senders),
    code: `Switch Push allowed off too: ${text}, in half a minute or when you ask for it.`,
  };
}

function pushWords(senders: Senders): string {
  const away = pushAway(senders);
  const offline = "Switch Online off and sign in again:";
  if (away) return `${offline} a notification goes to ${away}. Open the app to answer.`;
  const words = `${offline} a notification takes over.`;
  return isWebPush(senders) ? `${words} Turn them on first, on the page /phone.` : words;
}

// What to do first, and then; each one is ticked off when it led to a sign-in.
function Tries({ tried, senders }: { tried: readonly Try[]; senders: Senders }) {
  const words = triesWords(senders);
  const away = awayWords(senders);
  const next = tries.find((one) => !tried.includes(one));
  return (
    <section aria-labelledby="tries">
      <h2 id="tries">{next ? "Try it" : "You have seen the whole ladder"}</h2>
      <ol className="panel-tries">
        {tries.map((one, place) => (
          <li
            key={one}
            data-state={tried.includes(one) ? "done" : one === next ? "next" : "later"}
            aria-current={one === next ? "step" : undefined}
          >
            <span className="panel-place">
              {tried.includes(one) ? <Icon name="check" /> : place + 1}
            </span>
            <span>
              {tried.includes(one) && <span className="spoken">Done: </span>}
              {words[one]}
            </span>
          </li>
        ))}
      </ol>
      {away && <p className="panel-away">{away}</p>}
    </section>
  );
}
