import "./Ring.css";

const radius = 42;
const around = 2 * Math.PI * radius;

/** A small ring that empties: `share` of it, from 0 to 1, is left. It stands beside words that say the same. */
export function Ring({ share }: { share: number }) {
  return (
    <svg className="nod-circle" viewBox="0 0 100 100" aria-hidden="true">
      <circle className="nod-circle-track" cx="50" cy="50" r={radius} />
      <circle
        className="nod-circle-rest"
        cx="50"
        cy="50"
        r={radius}
        strokeDasharray={around}
        strokeDashoffset={around * (1 - Math.min(1, Math.max(0, share)))}
      />
    </svg>
  );
}
