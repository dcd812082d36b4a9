import type { ReactNode } from "react";
import { Skeleton } from "../../../component/Skeleton";
import type { Report } from "../useReport";

/** One of the server's analytics as a pane: waiting, in trouble, or told. */
export function ReportPane<Answer>({
  name,
  title,
  report: { answer, old, problem },
  action,
  lines = 5,
  children,
}: {
  /** Of its class and its heading. */
  name: string;
  title: string;
  report: Report<Answer>;
  action?: ReactNode;
  /** How many lines stand there while it is read. */
  lines?: number;
  children: (answer: Answer) => ReactNode;
}) {
  return (
    <section className={`pane ${name}`} aria-labelledby={name} aria-busy={old}>
      <div className="pane-top">
        <h3 id={name}>{title}</h3>
        {answer && action}
      </div>
      {problem && (
        <p className="pane-note" role="status">
          {answer
            ? `This is not renewed: ${problem.title}.`
            : `This could not be read: ${problem.title}. ${problem.text}`}{" "}
          It is tried again every 30 seconds.
        </p>
      )}
      {answer ? children(answer) : !problem && <Skeleton lines={lines} />}
    </section>
  );
}
