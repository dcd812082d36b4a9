// Draws the pictures of the phone as an app from the mark. `npm run icons` after the mark changed;
// they are committed, so that a build needs no browser.

import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { launchBrowser } from "./browser.ts";

const FOLDER = fileURLToPath(new URL("../public/assets/", import.meta.url));
const mark = readFileSync(new URL("../src/theme/mark.svg", import.meta.url), "utf8");

// A launcher cuts a maskable icon, and iOS every icon, to its own shape: the ground goes to the edge.
const bleeding = mark.replace(' rx="10"', "");
// A badge is a stencil: only what is not clear counts.
const badge = mark.replace(/<rect [^>]*>/, "").replace("0 0 40 40", "6 6 28 28");

test.each([
  ["app-192", mark, 192],
  ["app-512", mark, 512],
  ["maskable-512", bleeding, 512],
  ["touch-180", bleeding, 180],
  ["badge-96", badge, 96],
])("%s", async (name, svg, size) => {
  mkdirSync(FOLDER, { recursive: true });
  const browser = await launchBrowser();
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>*{margin:0;display:block}</style>${svg}`);
  await page.screenshot({ path: `${FOLDER}${name}.png`, omitBackground: true });
  await browser.close();
});
