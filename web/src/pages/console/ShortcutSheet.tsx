import { useRef, useState } from "react";
import { Button } from "../../component/Button";
import { Switch } from "../../component/Switch";
import { shortcuts, shortcutsOn, turnShortcuts, useShortcut } from "./shortcuts";
import "../../component/Dialog.css";
import "./Dialog.css";
import "./ShortcutSheet.css";

/** The keys of the console, in a dialog that the key "?" opens, with a switch that turns them off. */
export function ShortcutSheet() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [on, setOn] = useState(shortcutsOn);
  const open = () => dialog.current?.showModal();
  useShortcut("?", open);
  return (
    <>
      <Button tone="quiet" aria-haspopup="dialog" onClick={open}>
        Keys
      </Button>
      <dialog ref={dialog} className="nod-dialog console-dialog" aria-labelledby="keys">
        <div className="nod-dialog-inside">
          <h2 id="keys">Keys</h2>
          <dl className="keys">
            {shortcuts.map(({ keys, does }) => (
              <div key={does}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
          <Switch
            label="Single keys"
            hint="Off: only Tab, arrows, Enter and Esc do something"
            icon="erase"
            on={on}
            onChange={(wanted) => {
              turnShortcuts(wanted);
              setOn(wanted);
            }}
          />
          <div className="console-dialog-do">
            <Button onClick={() => dialog.current?.close()}>Close</Button>
          </div>
        </div>
      </dialog>
    </>
  );
}
