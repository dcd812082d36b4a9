import { useEffect, useReducer, useState } from "react";
import { Connection, socketUrl, wakeWithPage } from "../../sdk";
import {
  addEarlier,
  addLine,
  type Earlier,
  type Figures,
  type Line,
  nothing,
  type Seen,
} from "./model";

type News = { line: Line } | { earlier: Earlier[] } | { figures: Figures };

function take(seen: Seen, news: News): Seen {
  if ("line" in news) return addLine(seen, news.line);
  if ("earlier" in news) return addEarlier(seen, news.earlier);
  return { ...seen, figures: news.figures };
}

/** What happens on this server, live; `onLost` when the session no longer opens anything. */
export function useLive(token: string, onLost: () => void): { seen: Seen; connected: boolean } {
  const [seen, tell] = useReducer(take, nothing);
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
        if (type === "figures") tell({ figures: data as Figures });
      }),
      wakeWithPage(connection),
    ];
    connection.start();
    return () => {
      for (const stop of stops) stop();
      connection.stop();
    };
  }, [token, onLost]);
  return { seen, connected };
}
