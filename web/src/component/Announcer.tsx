/**
 * What a screen reader is told without moving the focus: each step of the
 * ladder when the reader pauses (`polite`), the result at once (`assertive`).
 * Keep it mounted; an announcer that appears with its text stays silent.
 */
export function Announcer({ polite, assertive }: { polite: string; assertive: string }) {
  return (
    <>
      <div className="nod-spoken" aria-live="polite" aria-atomic="true">
        {polite}
      </div>
      <div className="nod-spoken" aria-live="assertive" aria-atomic="true">
        {assertive}
      </div>
    </>
  );
}
