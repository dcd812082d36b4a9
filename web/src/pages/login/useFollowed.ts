import { useEffect, useReducer, useState } from "react";
import { advanceTracks, type Track, tracksOf } from "../../component/tracks";
import { type StatusBody, Watcher, type WatcherState, wakeWithPage } from "../../sdk";
import { tell } from "../bridge";
import { timelineEvent } from "../timelineEvent";
import type { Open } from "./session";

/** A sign-in that is followed from its first event on. */
export interface Followed {
  id: string;
  watcher: Watcher;
  /** Tells the events, also of a sign-in that had ended before it was followed. */
  trail: Watcher;
  /** This browser is to be remembered at its end. */
  remember: boolean;
}

/** Follows a sign-in; with the answer that began it, all is known before the first frame. */
export function follow(open: Open, status?: StatusBody): Followed {
  const id = open.verification_id;
  const what = {
    baseUrl: location.origin,
    verificationId: id,
    clientSecret: open.client_secret,
    lastSeq: 0,
  };
  const watcher = new Watcher({ ...what, status });
  // A remembered browser is approved at once. Who knows that it is over follows nothing; who does
  // not know is told how it came.
  const trail = watcher.getState().result ? new Watcher(what) : watcher;
  return { id, watcher, trail, remember: open.remember === true };
}

/** What is known of a followed sign-in. */
export interface Following {
  state: WatcherState | null;
  /** How far each delivery has come. */
  tracks: Track[];
  /** The server's clock in milliseconds. */
  now: () => number;
  /** How long the phone has in all, in seconds: the whole ring. */
  promptSpan: number;
}

/** Draws along with a followed sign-in, and tells the stage what happens in it. */
export function useFollowed(followed: Followed | null): Following {
  const [tracks, setTracks] = useState<Track[]>([]);
  const [askedAt, setAskedAt] = useState<number | null>(null);
  const [, redraw] = useReducer((n: number) => n + 1, 0);

  useEffect(() => {
    setTracks([]);
    setAskedAt(null);
    if (!followed) return;
    const { id, watcher, trail } = followed;
    tell(window.parent, { nod: "began", verification_id: id });
    const stops = [
      watcher.subscribe(redraw),
      trail.on("event", ({ seq, event }) => {
        if (event.name === "delivery.queued" && event.channel === "websocket") {
          setAskedAt(Date.parse(event.at));
        }
        setTracks((known) => advanceTracks(known, event));
        tell(window.parent, {
          nod: "event",
          verification_id: id,
          event: timelineEvent(seq, event),
        });
      }),
      wakeWithPage(watcher),
    ];
    watcher.start();
    trail.start();
    return () => {
      for (const stop of stops) stop();
      watcher.stop();
      trail.stop();
    };
  }, [followed]);

  const state = followed?.watcher.getState() ?? null;
  return {
    state,
    tracks: tracks.length > 0 ? tracks : tracksOf(state?.status?.deliveries),
    now: followed?.watcher.now ?? Date.now,
    promptSpan: promptSpan(state?.status ?? null, askedAt),
  };
}

// The contract's life of a request serves until the event that opened it is known.
function promptSpan(status: StatusBody | null, askedAt: number | null): number {
  const ends = Date.parse(status?.prompt_expires_at ?? "");
  return askedAt === null || Number.isNaN(ends) || ends <= askedAt ? 120 : (ends - askedAt) / 1000;
}
