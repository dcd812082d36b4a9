import { memo, useRef } from "react";
import { timeOfDay } from "../../component/time";
import { type Row, shortId } from "./model";
import { StatusTag } from "./StatusTag";
import { useShortcut } from "./shortcuts";
import "./RecentList.css";

/** Verifications as they happen, the last changed first. Arrow keys move between them; j and k come here from anywhere. */
export const RecentList = memo(function RecentList({
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
    const from = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const at = from < 0 ? rows.findIndex((row) => row.id === chosen) : from;
    buttons[Math.min(buttons.length - 1, Math.max(0, at + step))]?.focus();
  };
  useShortcut("j", () => move(1));
  useShortcut("k", () => move(-1));
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
});
