import { addSample, type Sample } from "./live/series";
import { type Figures, hear, type Nodes } from "./nodes";
import { type HourOutline, isCounted, type Pulse } from "./pulse";

/** How the house is right now, as its nodes and its store tell it every second. */
export interface Now {
  nodes: Nodes;
  /** Null before the first. */
  pulse: Pulse | null;
  /** The last 24 hours, the one that runs last. */
  hours: readonly HourOutline[];
  /** What the chart of the last minutes is made of. */
  samples: readonly Sample[];
}

/** Before anything was heard. */
export const unheard: Now = { nodes: {}, pulse: null, hours: [], samples: [] };

/** Takes in what a node counted, as it was heard at `at`. */
export function addFigures(now: Now, figures: Figures, at: number): Now {
  return { ...now, nodes: hear(now.nodes, figures, at) };
}

/** Takes in a pulse. */
export function addPulse(now: Now, pulse: Pulse): Now {
  return {
    ...now,
    pulse,
    hours: pulse.hours ?? now.hours,
    samples: isCounted(pulse) ? addSample(now.samples, pulse) : now.samples,
  };
}
