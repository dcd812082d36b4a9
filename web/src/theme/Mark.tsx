import "./Mark.css";

/**
 * The mark: a head that dips and rises once above a shallow bow. It stands
 * still unless `nods`; then it nods once, when it appears.
 */
export function Mark({ nods = false, label }: { nods?: boolean; label?: string }) {
  return (
    <svg
      className={nods ? "nod-mark nod-mark-nods" : "nod-mark"}
      viewBox="0 0 40 40"
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
    >
      <circle className="nod-mark-head" cx="20" cy="14" r="9" fill="currentColor" />
      <path
        d="M5 24c3.5 7.5 9 11 15 11s11.5-3.5 15-11"
        fill="none"
        stroke="currentColor"
        strokeWidth="3.5"
        strokeLinecap="round"
      />
    </svg>
  );
}
