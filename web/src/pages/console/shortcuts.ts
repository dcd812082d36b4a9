import { useEffect, useRef } from "react";

const stored = "nod.console.shortcuts";

/** What each key does, as the sheet lists it. */
export const shortcuts: readonly { keys: readonly string[]; does: string }[] = [
  { keys: ["/"], does: "Search" },
  { keys: ["j", "↓"], does: "Next verification in the list" },
  { keys: ["k", "↑"], does: "The one before" },
  { keys: ["Enter"], does: "Show its timeline" },
  { keys: ["t"], does: "Go to the timeline and what can be done" },
  { keys: ["b"], does: "Go to the blocks" },
  { keys: ["?"], does: "Show these shortcuts" },
  { keys: ["Esc"], does: "Close what is open" },
];

/**
 * Whether single keys do something in this browser. Who speaks to a computer, or hits keys by
 * chance, has to be able to turn them off (WCAG 2.1.4).
 */
export function shortcutsOn(): boolean {
  return localStorage.getItem(stored) !== "off";
}

/** Turns single keys on or off, for this browser. */
export function turnShortcuts(on: boolean): void {
  if (on) localStorage.removeItem(stored);
  else localStorage.setItem(stored, "off");
}

/** Does something when a key is pressed alone: not while typing, and not under a dialog. */
export function useShortcut(key: string, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.key !== key || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
      if (!shortcutsOn()) return;
      event.preventDefault();
      latest.current();
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, [key]);
}

function isTyping(target: EventTarget | null): boolean {
  const typed = "input:not([type=radio], [type=checkbox]), textarea, select";
  return target instanceof HTMLElement && target.matches(typed);
}
