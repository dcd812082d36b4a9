import { useEffect, useId, useRef, useState } from "react";
import type { NodError } from "../sdk";
import { Button } from "./Button";
import { PhoneEntry } from "./PhoneEntry";
import { ProblemNotice } from "./ProblemNotice";
import { Phrase, useSay } from "./texts";
import "./Dialog.css";
import "./ChangePhoneDialog.css";

/** Refusals that are about what was typed; they are said at the field. */
const atField = {
  same_number: "change.same",
  conflict: "change.not_yet",
  invalid_phone: "entry.refused",
} as const;

/**
 * Asks for another number in a dialog of the browser: it keeps the focus inside, closes with Esc
 * and gives the focus back. It closes by itself once the change is made.
 */
export function ChangePhoneDialog({
  open,
  number,
  shown,
  changing,
  problem,
  retryIn,
  onChange,
  onClose,
}: {
  open: boolean;
  /** The number that is left, E.164. */
  number: string;
  /** The same as people write it. */
  shown: string;
  changing: boolean;
  /** What was refused last. */
  problem: NodError | null;
  retryIn: number | null;
  /** Leaves the number for this one, E.164; tells whether it was done. */
  onChange: (number: string) => Promise<boolean>;
  onClose: () => void;
}) {
  const say = useSay();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  // Whose refusal it is: one of before the dialog opened, or of another act, is none of its own.
  const [tried, setTried] = useState<string | null>(null);
  const [same, setSame] = useState(false);
  useEffect(() => {
    const element = dialog.current;
    if (!open || !element) return;
    setTried(null);
    setSame(false);
    element.showModal();
    return () => element.close();
  }, [open]);

  const submit = async (next: string) => {
    setSame(next === number);
    if (next === number) return;
    setTried(next);
    if (await onChange(next)) onClose();
  };
  const refused = tried && !changing ? problem : null;
  const field = refused ? atField[refused.code as keyof typeof atField] : undefined;
  return (
    <dialog
      ref={dialog}
      className="nod-dialog nod-change"
      aria-labelledby={title}
      onClose={onClose}
      onCancel={(event) => {
        // What was sent cannot be called back; the answer comes in a moment.
        if (changing) event.preventDefault();
      }}
    >
      {open && (
        <div className="nod-dialog-inside">
          <h2 id={title} className="nod-title">
            {say("change.title")}
          </h2>
          <p className="nod-change-text">
            <Phrase text="change.text" slots={{ number: <bdi dir="ltr">{shown}</bdi> }} />
          </p>
          {refused && !field && <ProblemNotice problem={refused} retryIn={retryIn} />}
          <PhoneEntry
            sending={changing}
            submit={say("entry.send")}
            error={same ? say("change.same") : field && say(field)}
            onSubmit={submit}
            onChange={() => {
              setSame(false);
              setTried(null);
            }}
          />
          <Button tone="quiet" disabled={changing} onClick={onClose}>
            {say("change.keep")}
          </Button>
        </div>
      )}
    </dialog>
  );
}
