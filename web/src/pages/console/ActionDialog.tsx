import { useEffect, useId, useRef } from "react";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { type Act, actWords } from "./acts";
import type { Row } from "./model";
import type { Acting } from "./useAct";
import "../../component/Dialog.css";
import "./Dialog.css";

/**
 * Says what an act will do to whom, and asks. A dialog of the browser: it keeps the focus inside,
 * closes with Esc and gives the focus back. It stays open where the act was refused, and says why.
 */
export function ActionDialog({
  act,
  row,
  acting,
  onClose,
}: {
  /** Null: it is closed. */
  act: Act | null;
  row: Row | null;
  acting: Acting;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const open = act !== null;
  useEffect(() => {
    const element = dialog.current;
    if (!open || !element) return;
    element.showModal();
    return () => element.close();
  }, [open]);
  const words = act && actWords(act, row);
  return (
    <dialog
      ref={dialog}
      className="nod-dialog console-dialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onClose={onClose}
      onCancel={(event) => {
        // What was sent cannot be called back; the answer comes in a moment.
        if (acting.busy) event.preventDefault();
      }}
    >
      {words && (
        <form
          className="nod-dialog-inside"
          onSubmit={async (event) => {
            event.preventDefault();
            if (await acting.act(act)) onClose();
          }}
        >
          <h2 id={`${id}-title`}>{words.title}</h2>
          <p id={`${id}-text`}>{words.text}</p>
          <p className="console-dialog-note">
            It is written down with the time and the key that this console was opened with.
          </p>
          {acting.problem && (
            <Notice tone="problem" icon="warning" title={acting.problem.title}>
              {acting.problem.text}
            </Notice>
          )}
          <div className="console-dialog-do">
            {/* First, so that it has the focus: Enter by chance does nothing. */}
            <Button disabled={acting.busy} onClick={onClose}>
              {words.keep}
            </Button>
            <Button tone={words.danger ? "danger" : "accent"} type="submit" busy={acting.busy}>
              {words.go}
            </Button>
          </div>
        </form>
      )}
    </dialog>
  );
}
