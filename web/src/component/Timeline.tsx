import { Icon } from "../theme/Icon";
import type { Line } from "./timeline";
import "./Timeline.css";

/** The life of one verification, one event a line. */
export function Timeline({ lines, label }: { lines: Line[]; label: string }) {
  return (
    <ol className="timeline" aria-label={label}>
      {lines.map((line) => (
        <li key={line.seq} className="timeline-line" data-tone={line.tone} data-event={line.name}>
          <span className="timeline-delay">{line.delay}</span>
          <span className="timeline-icon">
            <Icon name={line.icon} />
          </span>
          <span className="timeline-words">
            {line.words} {line.by && <span className="timeline-by">{line.by}</span>}
          </span>
          <code className="timeline-name">{line.name}</code>
        </li>
      ))}
    </ol>
  );
}
