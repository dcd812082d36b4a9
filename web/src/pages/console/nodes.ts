import { channelName } from "./channels";
import { listed, many } from "./numbers";

/** A provider as one node finds it. Counters run since that node started. */
export interface Provider {
  channel: string;
  provider: string;
  /** Of its breaker: an open one sends nothing, a half-open one tries a message. */
  state: "closed" | "half_open" | "open";
  sent: number;
  failed: number;
  /** Of its newest answers, on average; 0 before the first. */
  latency_ms: number;
}

/** What one node counts, once a second. */
export interface Figures {
  node: string;
  /** Open sockets by role. */
  sessions: Record<string, number>;
  providers?: Provider[];
  /** Whether messages are simulated, and lie in the outbox. */
  outbox: boolean;
  /** Events of the last second that were too many to tell. */
  skipped: number;
}

/** The nodes that were heard of lately, by name. */
export type Nodes = Record<string, { figures: Figures; at: number }>;

const SILENT_MS = 5000;

/** Takes in what a node said at `now`; who was silent for five seconds is gone. */
export function hear(nodes: Nodes, figures: Figures, now: number): Nodes {
  const others = Object.entries(nodes).filter(([, { at }]) => now - at < SILENT_MS);
  return { ...Object.fromEntries(others), [figures.node]: { figures, at: now } };
}

/** A provider on all nodes; each has a breaker of its own. */
export interface ProviderHealth extends Provider {
  /** Nodes where it is in the worst of its states. */
  nodes: number;
}

/** All nodes in sum. */
export interface Together {
  nodes: number;
  sessions: Record<string, number>;
  providers: ProviderHealth[];
  outbox: boolean;
  skipped: number;
}

/** Sums the nodes up; null before the first was heard. */
export function together(nodes: Nodes): Together | null {
  const all = Object.values(nodes).map(({ figures }) => figures);
  if (all.length === 0) return null;
  const sessions: Record<string, number> = {};
  for (const one of all) {
    for (const [role, n] of Object.entries(one.sessions))
      sessions[role] = (sessions[role] ?? 0) + n;
  }
  return {
    nodes: all.length,
    sessions,
    providers: providersOf(all),
    outbox: all.some(({ outbox }) => outbox),
    skipped: all.reduce((sum, { skipped }) => sum + skipped, 0),
  };
}

const worse = ["closed", "half_open", "open"] as const;

function providersOf(all: Figures[]): ProviderHealth[] {
  const found = new Map<string, ProviderHealth>();
  for (const one of all.flatMap(({ providers }) => providers ?? [])) {
    const key = `${one.channel} ${one.provider}`;
    const known = found.get(key);
    found.set(key, known ? merged(known, one) : { ...one, nodes: 1 });
  }
  return [...found.values()];
}

function merged(known: ProviderHealth, one: Provider): ProviderHealth {
  const by = worse.indexOf(one.state) - worse.indexOf(known.state);
  const sent = known.sent + one.sent;
  const latency = known.latency_ms * known.sent + one.latency_ms * one.sent;
  return {
    ...known,
    state: by > 0 ? one.state : known.state,
    nodes: by > 0 ? 1 : known.nodes + (by === 0 ? 1 : 0),
    sent,
    failed: known.failed + one.failed,
    latency_ms: sent > 0 ? latency / sent : 0,
  };
}

/** "2 phones, 1 page, 1 console": who holds the open sockets. */
export function socketWords({ sessions }: Together): string {
  return [
    many(sessions.device ?? 0, "phone"),
    many(sessions.watcher ?? 0, "page"),
    many(sessions.console ?? 0, "console"),
  ].join(", ");
}

/** How many providers take messages, and which do not. */
export function providerWords({ providers, outbox }: Together): {
  value: string;
  note: string;
  bad: boolean;
} {
  if (providers.length === 0) {
    return { value: "–", note: outbox ? "messages are simulated" : "none is set up", bad: false };
  }
  const ill = providers.filter(({ state }) => state !== "closed");
  const names = ill.map(
    ({ provider, channel, state }) =>
      `${provider} (${channelName(channel)}) ${state === "open" ? "is paused" : "is on trial"}`,
  );
  return {
    value: `${providers.length - ill.length} of ${providers.length}`,
    note: ill.length > 0 ? listed(names) : "all take messages",
    bad: ill.some(({ state }) => state === "open"),
  };
}
