import { useEffect, useId, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { type BlockKind, blockValue, kinds } from "./blocks";
import { Choice } from "./Choice";
import { useShortcut } from "./shortcuts";
import "../../component/Field.css";

const options = (Object.keys(kinds) as BlockKind[]).map((value) => ({
  value,
  label: kinds[value].name,
}));

/** A kind and a value, to be blocked or to be lifted from it. The key "b" comes here. */
export function BlockForm({
  done,
  fault,
  busy,
  onBlock,
  onLift,
  onType,
}: {
  /** Moves whenever a value has had its effect; then the field is empty again. */
  done: number;
  /** What the server said against the last value. */
  fault: string;
  busy: boolean;
  onBlock: (kind: BlockKind, value: string, unfit: string) => void;
  onLift: (kind: BlockKind, value: string) => void;
  onType: () => void;
}) {
  const [kind, setKind] = useState<BlockKind>("number");
  const [typed, setTyped] = useState("");
  const [unfit, setUnfit] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useShortcut("b", () => form.current?.querySelector<HTMLElement>("input:checked")?.focus());
  // biome-ignore lint/correctness/useExhaustiveDependencies: each value that had its effect goes
  useEffect(() => setTyped(""), [done]);
  const words = kinds[kind];
  const error = unfit || fault;
  const take = (use: (kind: BlockKind, value: string) => void) => {
    const value = blockValue(kind, typed);
    setUnfit(value === null ? words.fault : "");
    if (value === null) field.current?.focus();
    else use(kind, value);
  };
  const change = (next: () => void) => {
    next();
    setUnfit("");
    onType();
  };
  return (
    <form
      ref={form}
      className="blocks-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        take((what, value) => onBlock(what, value, words.fault));
      }}
    >
      <Choice
        legend="What to block"
        options={options}
        value={kind}
        onChange={(next) => change(() => setKind(next))}
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
            onChange={({ target }) => change(() => setTyped(target.value))}
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
        <Button aria-haspopup="dialog" disabled={busy} onClick={() => take(onLift)}>
          Lift
        </Button>
      </div>
    </form>
  );
}
