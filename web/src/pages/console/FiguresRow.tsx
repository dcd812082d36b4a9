import { duration, percent, type Seen, socketWords, summary } from "./model";
import type { Outbox } from "./useOutbox";
import "./FiguresRow.css";

/** The numbers, one glance. They count the verifications in the list below. */
export function FiguresRow({ seen, outbox }: { seen: Seen; outbox: Outbox | null }) {
  const { open, success, medianMs, withoutSms } = summary(seen.rows);
  const sockets = seen.figures?.sessions;
  return (
    <section className="figures" aria-label="Figures">
      <dl>
        <Figure
          name="Open now"
          value={String(open)}
          note={seen.rows.length > 0 ? `of the last ${seen.rows.length}` : "none seen yet"}
        />
        <Figure name="Success" value={percent(success)} note="of those that ended" />
        <Figure name="Median time" value={duration(medianMs)} note="from request to approval" />
        <Figure name="Without SMS" value={percent(withoutSms)} note="of those approved" />
        <Figure name="Open sockets" value={total(sockets)} note={socketWords(sockets)} />
        {outbox && (
          <Figure
            name="Outbox"
            value={String(outbox.messages?.length ?? "–")}
            note="simulated messages"
          />
        )}
      </dl>
      {(seen.figures?.skipped ?? 0) > 0 && (
        <p className="figures-skipped">
          {seen.figures?.skipped} more events in the last second than can be shown.
        </p>
      )}
    </section>
  );
}

function total(sockets: Record<string, number> | undefined): string {
  return sockets ? String(Object.values(sockets).reduce((sum, n) => sum + n, 0)) : "–";
}

function Figure({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>
        <span className="figure-value">{value}</span>
        <span className="figure-note">{note}</span>
      </dd>
    </div>
  );
}
