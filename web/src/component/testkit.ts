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
