import { useEffect, useId, useRef } from "react";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import type { Trouble } from "../problem";
import "../../component/Dialog.css";
import "./Dialog.css";

/** What a dialog asks. */
export interface Question {
  title: string;
  /** What will happen, to whom, and what stays. */
  text: string;
  /** On the button that does it. */
  go: string;
  /** On the button that leads out. */
  keep: string;
  /** It takes something from a person. */
  danger?: true;
}

/**
 * Says what an act will do to whom, and asks. A dialog of the browser: it keeps the focus inside,
 * closes with Esc and gives the focus back. It stays open where the act was refused, and says why.
 */
export function ConfirmDialog({
  question,
  busy,
  problem,
  onGo,
  onClose,
}: {
  /** Null: it is closed. */
  question: Question | null;
  busy: boolean;
  /** Why it was not done. */
  problem: Trouble | null;
  /** Does it; whether there is nothing more to ask. */
  onGo: () => Promise<boolean>;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const open = question !== null;
  useEffect(() => {
    const element = dialog.current;
    if (!open || !element) return;
    element.showModal();
    return () => element.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      className="nod-dialog console-dialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onClose={onClose}
      onCancel={(event) => {
        // What was sent cannot be called back; the answer comes in a moment.
        if (busy) event.preventDefault();
      }}
    >
      {question && (
        <form
          className="nod-dialog-inside"
          onSubmit={async (event) => {
            event.preventDefault();
            if (await onGo()) onClose();
          }}
        >
          <h2 id={`${id}-title`}>{question.title}</h2>
          <p id={`${id}-text`}>{question.text}</p>
          <p className="console-dialog-note">
            It is written down with the time and the key that this console was opened with.
          </p>
          {problem && (
            <Notice tone="problem" icon="warning" title={problem.title}>
              {problem.text}
            </Notice>
          )}
          <div className="console-dialog-do">
            {/* First, so that it has the focus: Enter by chance does nothing. */}
            <Button disabled={busy} onClick={onClose}>
              {question.keep}
            </Button>
            <Button tone={question.danger ? "danger" : "accent"} type="submit" busy={busy}>
              {question.go}
            </Button>
          </div>
        </form>
      )}
    </dialog>
  );
}
