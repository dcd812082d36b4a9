import { share } from "../numbers";
import type { Ending, Overview } from "./reports";

/** One line of the funnel, with its share of all that was asked for. */
export interface Step {
  name: string;
  n: number;
  share: number;
}

/** From started to approved, and where the others went: the most first, none that is empty. */
export function funnelOf({ totals, ended }: Overview): { steps: Step[]; exits: Step[] } {
  const asked = totals.send_code;
  const step = (name: string, n: number): Step => ({
    name,
    n,
    // What began before the period may end in it.
    share: Math.min(1, share(n, asked) ?? 0),
  });
  const over = Object.values(ended).reduce((sum, n) => sum + n, 0);
  const exits = [
    ...endings.map(([ending, name]) => step(name, ended[ending])),
    step("Still open", Math.max(0, asked - over)),
  ];
  return {
    steps: [
      step("Started", asked),
      step("Answered", ended.approved + ended.denied),
      step("Approved", ended.approved),
    ],
    exits: exits.filter(({ n }) => n > 0).sort((a, b) => b.n - a.n),
  };
}

const endings: [Ending, string][] = [
  ["denied", "Refused"],
  ["expired", "Time ran out"],
  ["failed", "Failed"],
  ["canceled", "Canceled"],
  ["superseded", "Begun again"],
  ["blocked", "Blocked at once"],
];
