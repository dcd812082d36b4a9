import { useId, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { type BlockKind, blockValue, kinds } from "./blocks";
import { Choice } from "./Choice";
import { useShortcut } from "./shortcuts";
import type { Outcome } from "./useBlocks";
import "../../component/Field.css";

const options = (Object.keys(kinds) as BlockKind[]).map((value) => ({
  value,
  label: kinds[value].name,
}));

const notBlocked = "No block stands on this. Nothing was changed.";

/** Asks about a value and does it; `told` hears what came of it. */
type Use = (kind: BlockKind, value: string, told: (outcome: Outcome) => void) => void;

/** A kind and a value, to be blocked or to be lifted from it. The key "b" comes here. */
export function BlockForm({ busy, onBlock, onLift }: { busy: boolean; onBlock: Use; onLift: Use }) {
  const [kind, setKind] = useState<BlockKind>("number");
  const [typed, setTyped] = useState("");
  const [error, setError] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useShortcut("b", () => form.current?.querySelector<HTMLElement>("input:checked")?.focus());
  const words = kinds[kind];
  const take = (use: Use, unfit: string) => {
    const value = blockValue(kind, typed);
    setError(value === null ? words.fault : "");
    if (value === null) {
      field.current?.focus();
      return;
    }
    use(kind, value, (outcome) => {
      if (outcome === "unfit") setError(unfit);
      if (outcome === "done") setTyped("");
    });
  };
  return (
    <form
      ref={form}
      className="blocks-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        take(onBlock, words.fault);
      }}
    >
      <Choice
        legend="What to block"
        options={options}
        value={kind}
        onChange={(next) => {
          setKind(next);
          setError("");
        }}
      />
      <div className="nod-field" data-error={error ? "" : undefined}>
        <label className="nod-field-label" htmlFor={`${id}-value`}>
          {words.field}
        </label>
        <div className="nod-field-box">
          <input
            ref={field}
            id={`${id}-value`}
            className="nod-field-input"
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            placeholder={words.example}
            value={typed}
            disabled={busy}
            aria-invalid={error ? true : undefined}
            aria-describedby={error ? `${id}-error` : undefined}
            onChange={({ target }) => {
              setTyped(target.value);
              setError("");
            }}
          />
        </div>
        {error && (
          <p className="nod-field-error" id={`${id}-error`} role="alert">
            {error}
          </p>
        )}
      </div>
      <div className="blocks-do">
        <Button tone="danger" type="submit" aria-haspopup="dialog" disabled={busy}>
          Block
        </Button>
        <Button aria-haspopup="dialog" disabled={busy} onClick={() => take(onLift, notBlocked)}>
          Lift
        </Button>
      </div>
    </form>
  );
}
