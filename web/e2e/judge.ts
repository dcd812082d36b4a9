// What a page is judged by in a real browser, whatever it shows.

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";

/** What axe finds against a page: each rule with the first element at fault; `rules` are all unless given. */
export async function barriers(page: Page, rules?: string[]): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  // Without frames axe needs no page of its own to put its findings together.
  axe.setLegacyMode(page.frames().length === 1);
  if (rules) axe.withRules(rules);
  const { violations } = await axe.analyze();
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
