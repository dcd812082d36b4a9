import { useEffect, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { ActionDialog } from "./ActionDialog";
import { type Act, actWords } from "./acts";
import type { Row } from "./model";
import { useAct } from "./useAct";

/** What an operator may do about a verification and its person. Each act asks first. */
export function TrailActions({
  token,
  id,
  row,
  open,
  onActed,
}: {
  token: string;
  id: string;
  row: Row | null;
  /** It has not ended, so that it can be canceled. */
  open: boolean;
  onActed: () => void;
}) {
  const [asked, ask] = useState<Act | null>(null);
  const acting = useAct(token, id, row, onActed);
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
            tone={actWords(act, row).danger ? "danger" : "plain"}
            aria-haspopup="dialog"
            onClick={() => {
              used.current = true;
              acting.forget();
              ask(act);
            }}
          >
            {actWords(act, row).name}
          </Button>
        ))}
      </fieldset>
      <p className="trail-said" role="status">
        {acting.said}
      </p>
      <ActionDialog act={asked} row={row} acting={acting} onClose={() => ask(null)} />
    </>
  );
}
