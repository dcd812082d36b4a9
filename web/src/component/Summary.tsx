import { useState } from "react";
import type { Summary as Figures } from "../sdk";
import { Button } from "./Button";
import { duration } from "./duration";
import { Fold } from "./Fold";
import { Skeleton } from "./Skeleton";
import { useSay } from "./texts";
import "./Summary.css";

/** The person's own figures; asked for when they are first looked at. */
export function Summary({
  summary,
  onLoad,
}: {
  summary: Figures | null;
  /** Reads the figures anew; tells whether they came. */
  onLoad: () => Promise<boolean>;
}) {
  const say = useSay();
  const [failed, setFailed] = useState(false);
  const load = async () => {
    setFailed(false);
    setFailed(!(await onLoad()));
  };
  return (
    <Fold title={say("summary.title")} onOpen={load}>
      {summary ? (
        <Board summary={summary} />
      ) : failed ? (
        <Button tone="quiet" onClick={load}>
          {say("retry")}
        </Button>
      ) : (
        <Skeleton lines={3} label={say("loading")} />
      )}
    </Fold>
  );
}

function Board({ summary }: { summary: Figures }) {
  const say = useSay();
  const { totals } = summary;
  if (totals.send_code === 0) return <p className="nod-summary-none">{say("summary.none")}</p>;
  const percent = new Intl.NumberFormat(say.language, {
    style: "percent",
    numberingSystem: "latn",
  });
  // What is still open is no failure yet, and without a success there is no time.
  const { verify_success: right, verify_failed: wrong } = totals;
  const figures = [
    ["summary.sent", say.number(totals.send_code)],
    ["summary.confirmed", say.number(totals.verify_success)],
    ["summary.resent", say.number(totals.resend_request)],
    ["summary.wrong", say.number(totals.verify_failed)],
    ["summary.changed", say.number(totals.change_phone)],
    ["summary.success", right + wrong > 0 ? percent.format(summary.success_rate) : "–"],
    ["summary.time", right > 0 ? duration(Math.round(summary.avg_time_to_complete_seconds)) : "–"],
  ] as const;
  return (
    <>
      <p className="nod-summary-days">{say("summary.days", { count: summary.days })}</p>
      <dl className="nod-summary">
        {figures.map(([name, figure]) => (
          <div key={name} className="nod-summary-figure">
            <dt>{say(name)}</dt>
            <dd>{figure}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
