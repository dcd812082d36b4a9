import { useRef } from "react";
import { timeOfDay } from "../../component/time";
import { type Row, shortId } from "./model";
import { StatusTag } from "./StatusTag";
import "./RecentList.css";

/** Verifications as they happen, the last changed first. Arrow keys move between them. */
export function RecentList({
  rows,
  chosen,
  onChoose,
}: {
  rows: Row[];
  chosen: string | null;
  onChoose: (id: string) => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  const move = (step: number) => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[Math.min(buttons.length - 1, Math.max(0, at + step))]?.focus();
  };
  return (
    <section className="pane recent" aria-labelledby="recent">
      <h2 id="recent">Verifications</h2>
      {rows.length === 0 ? (
        <p className="pane-empty">
          Each verification appears here as it happens, the newest first.
        </p>
      ) : (
        <ul
          ref={list}
          className="recent-list"
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
            event.preventDefault();
            move(event.key === "ArrowDown" ? 1 : -1);
          }}
        >
          {rows.map((row) => (
            <li key={row.id}>
              <button
                type="button"
                className="recent-row"
                aria-pressed={row.id === chosen}
                onClick={() => onChoose(row.id)}
              >
                <span className="recent-time">{timeOfDay(row.changedAt)}</span>
                <StatusTag status={row.status} />
                <span className="recent-words">{row.words}</span>
                <span className="recent-phone">{row.phone}</span>
                <code>{shortId(row.id)}</code>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
