import axe from "axe-core";
import { expect } from "vitest";

/**
 * Fails a test when axe finds fault with the document. Colours and landmarks
 * are judged in a real browser; jsdom draws nothing.
 */
export async function expectAccessible(): Promise<void> {
  document.documentElement.lang = "en";
  HTMLCanvasElement.prototype.getContext = () => null; // axe asks, jsdom has none
  const { violations } = await axe.run(document.body, {
    iframes: false, // each frame is a page with tests of its own
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(violations.map((v) => `${v.id}: ${v.nodes[0]?.html}`)).toEqual([]);
}

/** Gives jsdom the two methods of a dialog that it lacks; focus and Esc are for a real browser. */
export function openDialogs(): void {
  HTMLDialogElement.prototype.showModal = function () {
    this.setAttribute("open", "");
  };
  HTMLDialogElement.prototype.close = function () {
    if (!this.open) return;
    this.removeAttribute("open");
    this.dispatchEvent(new Event("close"));
  };
}
