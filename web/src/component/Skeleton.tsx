import "./Skeleton.css";

/** Stands where lines of text will be, so that nothing jumps when they come. */
export function Skeleton({ lines = 1, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div className="nod-skeleton" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <span key={line} className="nod-skeleton-line" />
      ))}
    </div>
  );
}
