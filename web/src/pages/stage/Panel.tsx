import { useState } from "react";
import { Button } from "../../component/Button";
import type { Switches } from "../bridge";
import { PhoneSwitches } from "../PhoneSwitches";
import type { Person } from "../person";
import type { Stage } from "./model";
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
      {stage.phones.map((phone) => (
        <fieldset className="panel-phone" key={phone.slot}>
          <legend>
            {stage.phones.length === 1 ? "Switch something off" : `Phone ${phone.slot}`}
          </legend>
          <PhoneSwitches
            switches={phone.switches}
            onChange={(switches) => onSwitch(phone.slot, switches)}
            disabled={!phone.ready}
          />
        </fieldset>
      ))}
      {stage.phones.length < 2 && (
        <ol className="panel-tries" aria-label="Try this">
          <li>Sign in, then answer on the phone.</li>
          <li>Switch Online off and sign in again: a notification takes over.</li>
          <li>Switch Push allowed off too: an SMS brings a code.</li>
        </ol>
      )}
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
