// What a page is judged by in a real browser, whatever it shows.

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";

/** What axe finds against a page: each rule with the first element at fault. */
export async function barriers(page: Page): Promise<string[]> {
  // Without frames axe needs no page of its own to put its findings together.
  const alone = page.frames().length === 1;
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(alone).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** What has to be scrolled sideways, in the page and in its frames; the command may. */
export async function tooWide(page: Page): Promise<string[]> {
  const found = page.frames().map((frame) =>
    frame.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll("body *:not(.curl-line)")]
        .filter((element) => element.scrollWidth > element.clientWidth)
        .filter(
          (element) =>
            element === document.documentElement ||
            ["auto", "scroll"].includes(getComputedStyle(element).overflowX),
        )
        .map((element) => `${location.pathname} ${element.tagName} ${element.className}`),
    ),
  );
  return (await Promise.all(found)).flat();
}
