import { type KeyboardEvent, useId, useRef, useState } from "react";
import { Notice } from "../../component/Notice";
import { Icon } from "../../theme/Icon";
import { type Row, shortId } from "./model";
import { StatusTag } from "./StatusTag";
import { useShortcut } from "./shortcuts";
import { nothingFound, type Search, useSearch } from "./useSearch";
import { when } from "./when";
import "./SearchField.css";

/**
 * Finds verifications by id or phone number. The key "/" comes here from anywhere; Enter searches,
 * then the arrow keys move through what was found and Enter opens it. The focus stays in the field
 * meanwhile, as in every combobox (ARIA Authoring Practices).
 */
export function SearchField({
  token,
  onChoose,
}: {
  token: string;
  onChoose: (id: string) => void;
}) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const search = useSearch(token);
  const field = useRef<HTMLInputElement>(null);
  const list = useId();
  useShortcut("/", () => {
    field.current?.focus();
    field.current?.select();
  });

  const rows = search.rows ?? [];
  const choose = (row: Row) => {
    search.clear();
    onChoose(row.id);
  };
  const submit = async () => {
    const row = rows[at];
    if (row && search.asked === text) return choose(row);
    setAt(0);
    const found = await search.find(text);
    if (found?.length === 1 && found[0]) choose(found[0]);
  };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") search.clear();
    if (!step || rows.length === 0) return;
    event.preventDefault();
    const next = Math.min(rows.length - 1, Math.max(0, at + step));
    setAt(next);
    document.getElementById(`${list}-${next}`)?.scrollIntoView?.({ block: "nearest" });
  };
  return (
    <search
      className="find"
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) search.clear();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) void submit();
        }}
      >
        <Icon name="search" />
        <input
          ref={field}
          role="combobox"
          aria-label="Find verifications by id or phone number"
          aria-expanded={rows.length > 0}
          aria-controls={list}
          aria-autocomplete="none"
          aria-activedescendant={rows.length > 0 ? `${list}-${at}` : undefined}
          placeholder="Id or phone number"
          autoComplete="off"
          spellCheck={false}
          enterKeyHint="search"
          value={text}
          onKeyDown={move}
          onChange={(event) => {
            setText(event.target.value);
            search.clear();
          }}
        />
        <span className="find-key" aria-hidden="true">
          /
        </span>
      </form>
      <Found search={search} list={list} at={at} onChoose={choose} />
    </search>
  );
}

function Found({
  search: { rows, problem, busy },
  list,
  at,
  onChoose,
}: {
  search: Search;
  list: string;
  at: number;
  onChoose: (row: Row) => void;
}) {
  const some = rows !== null && rows.length > 0;
  const wrong = problem ?? (rows?.length === 0 ? nothingFound : null);
  return (
    <div className="find-panel" data-open={some || wrong || busy ? "" : undefined}>
      {wrong && (
        <Notice tone="heed" icon="search" title={wrong.title}>
          {wrong.text}
        </Notice>
      )}
      <p className="find-count" role="status">
        {busy && "Searching"}
        {some && `${rows.length === 50 ? "The newest 50" : `${rows.length} found`}, newest first`}
      </p>
      <div id={list} className="find-list" role="listbox" aria-label="Verifications found">
        {rows?.map((row, index) => (
          // The field has the keys: see its aria-activedescendant.
          // biome-ignore lint/a11y/useKeyWithClickEvents: as above
          <div
            key={row.id}
            id={`${list}-${index}`}
            className="find-row"
            role="option"
            aria-selected={index === at}
            tabIndex={-1}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onChoose(row)}
          >
            <span className="find-time">{when(row.startedAt ?? row.changedAt)}</span>
            <StatusTag status={row.status} />
            <span className="find-words">{row.words}</span>
            <code>{shortId(row.id)}</code>
          </div>
        ))}
      </div>
    </div>
  );
}
