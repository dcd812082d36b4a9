import { useEffect, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { type Act, actWords } from "./acts";
import { ConfirmDialog } from "./ConfirmDialog";
import type { Row } from "./model";
import { useAct } from "./useAct";

/** What an operator may do about a verification and its person. Each act asks first. */
export function TrailActions({
  token,
  id,
  row,
  open,
  locked,
  onActed,
}: {
  token: string;
  id: string;
  row: Row | null;
  /** It has not ended, so that it can be canceled. */
  open: boolean;
  /** Too many wrong codes hold its person back. */
  locked: boolean;
  onActed: () => void;
}) {
  const [asked, ask] = useState<Act | null>(null);
  const words = (act: Act) => actWords(act, row, locked);
  const acting = useAct(token, id, (act) => words(act).done, onActed);
  const group = useRef<HTMLFieldSetElement>(null);
  // The button that had the focus goes when there is nothing left to cancel.
  const used = useRef(false);
  useEffect(() => {
    if (!used.current || open || asked || document.activeElement !== document.body) return;
    group.current?.focus({ preventScroll: true });
  }, [open, asked]);
  const acts: Act[] = open ? ["cancel", "block", "unlock"] : ["block", "unlock"];
  return (
    <>
      <fieldset ref={group} className="trail-do" tabIndex={-1} aria-label="What can be done">
        {acts.map((act) => (
          <Button
            key={act}
            tone={words(act).danger ? "danger" : "plain"}
            aria-haspopup="dialog"
            onClick={() => {
              used.current = true;
              acting.forget();
              ask(act);
            }}
          >
            {words(act).name}
          </Button>
        ))}
      </fieldset>
      <p className="trail-said" role="status">
        {acting.said}
      </p>
      <ConfirmDialog
        question={asked && words(asked)}
        busy={acting.busy}
        problem={acting.problem}
        onGo={async () => asked !== null && (await acting.act(asked))}
        onClose={() => ask(null)}
      />
    </>
  );
}
