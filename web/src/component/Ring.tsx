import "./Ring.css";

/**
 * A ring that empties: `share` of it, from 0 to 1, is left, and the line is `width` hundredths of it
 * wide. It stands beside or around words that say the same.
 */
export function Ring({ share, width = 14 }: { share: number; width?: number }) {
  const circle = { cx: 50, cy: 50, r: 49 - width / 2, strokeWidth: width };
  const around = 2 * Math.PI * circle.r;
  return (
    <svg className="nod-circle" viewBox="0 0 100 100" aria-hidden="true">
      <circle className="nod-circle-track" {...circle} />
      <circle
        className="nod-circle-rest"
        {...circle}
        strokeDasharray={around}
        strokeDashoffset={around * (1 - Math.min(1, Math.max(0, share)))}
      />
    </svg>
  );
}
