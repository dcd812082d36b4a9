import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { ThemeButton } from "../../component/ThemeButton";
import { Mark } from "../../theme/Mark";
import { ActsPane } from "./ActsPane";
import { Analytics } from "./analytics/Analytics";
import { BlocksPane } from "./BlocksPane";
import { FiguresRow } from "./FiguresRow";
import { LivePane } from "./live/LivePane";
import { type Together, together } from "./nodes";
import { OutboxList } from "./OutboxList";
import { RecentList } from "./RecentList";
import { SearchField } from "./SearchField";
import { ShortcutSheet } from "./ShortcutSheet";
import { TrailView } from "./TrailView";
import { useActs } from "./useActs";
import { useLive } from "./useLive";
import { useOutbox } from "./useOutbox";
import { useWebhooks } from "./useWebhooks";
import { WebhooksPane } from "./WebhooksPane";
import "./Board.css";
import "./Pane.css";

/** The open console: figures first; beside them what happens, and one verification; then all else. */
export function Board({ token, onClose }: { token: string; onClose: (lost: boolean) => void }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const [acted, setActed] = useState(0);
  const lost = useCallback(() => onClose(true), [onClose]);
  const { seen, now, connected } = useLive(token, lost);
  const all = useMemo(() => together(now.nodes), [now.nodes]);
  const simulated = all?.outbox ?? false;
  const outbox = useOutbox(token, simulated);
  const webhooks = useWebhooks(token);
  const acts = useActs(token, seen.acts + acted);
  const row = seen.rows.find((one) => one.id === chosen);
  // Where the panes lie one below the other, the timeline may be out of sight.
  const trail = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen) trail.current?.scrollIntoView?.({ block: "nearest" });
  }, [chosen]);
  return (
    <div className="board">
      <header className="board-top">
        <Mark />
        <h1>Console</h1>
        <span className="board-live" data-on={connected ? "" : undefined} role="status">
          {connected ? liveWords(all) : all ? "Not connected" : "Connecting"}
        </span>
        <SearchField token={token} onChoose={setChosen} />
        <div className="board-do">
          <ShortcutSheet />
          <ThemeButton />
          <Button tone="quiet" onClick={() => onClose(false)}>
            Sign out
          </Button>
        </div>
      </header>
      <main className="board-main">
        <FiguresRow now={now} all={all} rows={seen.rows} connected={connected} />
        {now.pulse?.enabled !== false && <LivePane now={now} all={all} />}
        <div className="board-rail" data-chosen={chosen ? "" : undefined}>
          <RecentList rows={seen.rows} chosen={chosen} onChoose={setChosen} />
          <div className="board-trail" ref={trail}>
            <TrailView
              token={token}
              id={chosen}
              row={row ?? null}
              webhooks={webhooks}
              onActed={() => setActed((times) => times + 1)}
            />
          </div>
        </div>
        <Analytics token={token} />
        <div className="board-more">
          {simulated && <OutboxList outbox={outbox} onChoose={setChosen} />}
          <WebhooksPane webhooks={webhooks} onChoose={setChosen} />
          <div className="board-hands">
            <BlocksPane token={token} heard={seen.acts + acted} />
            <ActsPane acts={acts} onChoose={setChosen} />
          </div>
        </div>
      </main>
    </div>
  );
}

// How many nodes stands there only once it is news.
function liveWords(all: Together | null): string {
  return all && all.nodes > 1 ? `Live on ${all.nodes} nodes` : "Live";
}
