import "./StatusTag.css";

const tones: Record<string, string> = {
  pending: "open",
  approved: "good",
  denied: "bad",
  failed: "bad",
  blocked: "bad",
  waiting: "open",
  delivered: "good",
};

/** A status in one word; the colour only repeats it. */
export function StatusTag({ status }: { status: string }) {
  return (
    <span className="tag" data-tone={tones[status] ?? "plain"}>
      {status}
    </span>
  );
}
