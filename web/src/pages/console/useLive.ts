import { useEffect, useReducer, useState } from "react";
import { Connection, socketUrl, wakeWithPage } from "../../sdk";
import { addEarlier, addLine, type Earlier, type Line, nothing, type Seen } from "./model";
import type { Figures } from "./nodes";
import { addFigures, addPulse, type Now, unheard } from "./now";
import type { Pulse } from "./pulse";

type News = { line: Line } | { earlier: Earlier[] };

function see(seen: Seen, news: News): Seen {
  return "line" in news ? addLine(seen, news.line) : addEarlier(seen, news.earlier);
}

type Beat = { figures: Figures; at: number } | { pulse: Pulse };

function hear(now: Now, beat: Beat): Now {
  return "pulse" in beat ? addPulse(now, beat.pulse) : addFigures(now, beat.figures, beat.at);
}

/** What the console's connection tells. */
export interface Live {
  seen: Seen;
  now: Now;
  connected: boolean;
}

/** What happens on this server, live; `onLost` when the session no longer opens anything. */
export function useLive(token: string, onLost: () => void): Live {
  const [seen, tell] = useReducer(see, nothing);
  const [now, beat] = useReducer(hear, unheard);
  const [connected, setConnected] = useState(false);
  useEffect(() => {
    const connection = new Connection({
      url: socketUrl(location.origin),
      authenticate: () => ({ token }),
    });
    const stops = [
      connection.on("state", ({ state, reason }) => {
        setConnected(state === "open");
        if (reason?.kind === "unauthenticated") onLost();
      }),
      connection.on("frame", ({ type, data }) => {
        if (type === "recent")
          tell({ earlier: (data as { verifications: Earlier[] }).verifications });
        if (type === "event") tell({ line: data as Line });
        if (type === "figures") beat({ figures: data as Figures, at: Date.now() });
        if (type === "pulse") beat({ pulse: data as Pulse });
      }),
      wakeWithPage(connection),
    ];
    connection.start();
    return () => {
      for (const stop of stops) stop();
      connection.stop();
    };
  }, [token, onLost]);
  return { seen, now, connected };
}
