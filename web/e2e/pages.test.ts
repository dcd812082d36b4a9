import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, visit } from "./browser.ts";
import { barriers, tooWide } from "./judge.ts";
import {
  beginSignIn,
  matchNumber,
  openRequest,
  phoneReady,
  stageReady,
  typeNumber,
} from "./people.ts";
import { type RunningServer, readBanner, startServer } from "./server.ts";

let server: RunningServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

// What a screen reader meets is the same in light and dark: only the colours are judged twice.
test.each(["/", "/login", "/phone", "/console"])(
  "%s has no barrier, no complaint, and fits a small screen, in light and dark",
  async (path) => {
    const visitor = await visit(browser, server.url, { width: 360, height: 740 });
    const page = await visitor.open(path);
    await page.getByRole("main").waitFor();
    if (path === "/login") await page.getByRole("button", { name: /^Continue as / }).waitFor();
    if (path === "/phone") await phoneReady(page);
    if (path === "/") await stageReady(page);
    expect(await barriers(page)).toEqual([]);
    expect(await tooWide(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await barriers(page, ["color-contrast"])).toEqual([]);
    expect(visitor.complaints).toEqual([]);
    await visitor.close();
  },
);

test("nothing is cut on the smallest screen, nor in the frames of the stage", async () => {
  const visitor = await visit(browser, server.url, { width: 320, height: 640 });
  const page = await visitor.open("/");
  const { login, phone } = await stageReady(page);
  expect(await tooWide(page)).toEqual([]);
  await beginSignIn(login);
  const number = await matchNumber(login);
  expect(await tooWide(page)).toEqual([]);
  await openRequest(phone);
  await typeNumber(phone, number);
  expect(await tooWide(page)).toEqual([]);
  await visitor.close();
});

test("no page runs or styles anything that stands in its HTML", async () => {
  for (const path of ["/", "/login", "/phone", "/console"]) {
    const response = await fetch(server.url + path);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src");
    expect(policy).not.toContain("unsafe-inline");
    const html = await response.text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
  }
});

test("the banner is read with and without a new key", () => {
  const first = "\nnod dev\n\n  open     http://127.0.0.1:8080\n  API key  nod_sk_abc\n";
  expect(readBanner(first)).toEqual({ url: "http://127.0.0.1:8080", apiKey: "nod_sk_abc" });
  const later = "  open     http://127.0.0.1:8080/\n  API key  the one shown at the first start\n";
  expect(readBanner(later)).toEqual({ url: "http://127.0.0.1:8080", apiKey: "" });
  expect(readBanner("starting")).toBeNull();
});
