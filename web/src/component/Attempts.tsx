import type { StatusBody } from "../sdk";
import { Icon, type IconName } from "../theme/Icon";
import { Fold } from "./Fold";
import { useSay } from "./texts";
import { type Tried, triedLines } from "./tried";
import "./Attempts.css";

const signs: Record<Tried["tone"], IconName> = {
  open: "clock",
  good: "check",
  bad: "cross",
  quiet: "dot",
};

/** What happened so far, newest last: each send and each typed code with its time and how it went. */
export function Attempts({ status }: { status: StatusBody }) {
  const say = useSay();
  const lines = triedLines(status);
  if (lines.length === 0) return null;
  return (
    <Fold title={say("tried.title")} count={lines.length}>
      <ol className="nod-tried">
        {lines.map((line, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added
          <li key={place} className="nod-tried-line" data-tone={line.tone}>
            <Icon name={line.icon} />
            <span className="nod-tried-what">
              {say(line.what)}
              <time dateTime={line.at}>{say.time(line.at)}</time>
            </span>
            <span className="nod-tried-how">
              <Icon name={signs[line.tone]} />
              {say(line.how)}
            </span>
          </li>
        ))}
      </ol>
    </Fold>
  );
}
