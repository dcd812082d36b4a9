import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const PICTURES = fileURLToPath(new URL("../screenshots/", import.meta.url));

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium: CHROME_PATH, else the first one that is installed. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: executable(), args: ARGUMENTS });
}

function executable(): string {
  const found = process.env.CHROME_PATH ?? PLACES.find((place) => existsSync(place));
  if (!found) throw new Error("no Chromium found: install one, or set CHROME_PATH");
  return found;
}

/** One person's browser, and every complaint of its pages. */
export interface Visit {
  context: BrowserContext;
  /** Errors in the console and uncaught ones: a healthy page has none, not even under its CSP. */
  complaints: string[];
  /** Opens a page of the server. */
  open(path: string): Promise<Page>;
  close(): Promise<void>;
}

/** How a person looks at the pages. */
export interface Looks {
  width?: number;
  height?: number;
  dark?: boolean;
}

/** Opens a fresh browser profile on a server. */
export async function visit(browser: Browser, url: string, looks: Looks = {}): Promise<Visit> {
  const permissions = ["clipboard-read", "clipboard-write"];
  return follow(await browser.newContext({ ...settings(url, looks), permissions }));
}

/**
 * Opens a browser of its own on a server, whose profile is no private one: only there may pages
 * show notifications. No name resolves, so that no push service of this world is reached.
 */
export async function visitForPushes(url: string, looks: Looks = {}): Promise<Visit> {
  const context = await chromium.launchPersistentContext("", {
    executablePath: executable(),
    args: [...ARGUMENTS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    ...settings(url, looks),
  });
  return follow(context);
}

function settings(url: string, looks: Looks) {
  return {
    baseURL: url,
    viewport: { width: looks.width ?? 1440, height: looks.height ?? 900 },
    colorScheme: looks.dark ? ("dark" as const) : ("light" as const),
    reducedMotion: "reduce" as const,
  };
}

function follow(context: BrowserContext): Visit {
  const complaints: string[] = [];
  context.setDefaultTimeout(15_000);
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  return {
    context,
    complaints,
    open: async (path) => {
      const page = await context.newPage();
      await page.goto(path);
      return page;
    },
    close: () => context.close(),
  };
}

/** Keeps a picture of a page under screenshots/, from its top, with all motion at its end; `whole` also below the screen. */
export async function picture(page: Page, name: string, whole = false): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  await page.bringToFront();
  await page.evaluate(() => scrollTo(0, 0));
  const path = `${PICTURES}${name}.png`;
  await page.screenshot({ path, animations: "disabled", fullPage: whole });
}
