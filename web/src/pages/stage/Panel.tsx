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
          <legend>{phone.slot === "1" ? "Switch something off" : `Phone ${phone.slot}`}</legend>
          <PhoneSwitches
            switches={phone.switches}
            onChange={(switches) => onSwitch(phone.slot, switches)}
            disabled={!phone.ready}
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
