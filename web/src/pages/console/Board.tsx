import { useCallback, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { ThemeButton } from "../../component/ThemeButton";
import { Mark } from "../../theme/Mark";
import { FiguresRow } from "./FiguresRow";
import { OutboxList } from "./OutboxList";
import { RecentList } from "./RecentList";
import { SearchField } from "./SearchField";
import { TrailView } from "./TrailView";
import { useLive } from "./useLive";
import { useOutbox } from "./useOutbox";
import { useWebhooks } from "./useWebhooks";
import { WebhooksPane } from "./WebhooksPane";

/** The open console: figures first, then what happens, one verification, and what is simulated. */
export function Board({ token, onClose }: { token: string; onClose: (lost: boolean) => void }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const lost = useCallback(() => close.current(true), []);
  const { seen, connected } = useLive(token, lost);
  const simulated = seen.figures?.outbox ?? false;
  const outbox = useOutbox(token, simulated);
  const webhooks = useWebhooks(token);
  const row = seen.rows.find((one) => one.id === chosen);
  return (
    <div className="board">
      <header className="board-top">
        <Mark />
        <h1>Console</h1>
        <span className="board-live" data-on={connected ? "" : undefined} role="status">
          {connected ? "Live" : "Connecting"}
        </span>
        <SearchField onFound={setChosen} />
        <ThemeButton />
        <Button tone="quiet" onClick={() => onClose(false)}>
          Sign out
        </Button>
      </header>
      <main className="board-main" data-outbox={simulated ? "" : undefined}>
        <FiguresRow seen={seen} outbox={simulated ? outbox : null} />
        <RecentList rows={seen.rows} chosen={chosen} onChoose={setChosen} />
        <TrailView token={token} id={chosen} row={row ?? null} />
        {simulated && <OutboxList outbox={outbox} onChoose={setChosen} />}
        <WebhooksPane webhooks={webhooks} onChoose={setChosen} />
      </main>
    </div>
  );
}
