import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const START_MS = 20_000;
const STOP_MS = 30_000;

/** A running `nod serve` with a database of its own. */
export interface RunningServer {
  /** Where its pages are. */
  url: string;
  /** The key that its first start printed. */
  apiKey: string;
  /** Everything that it said so far, for a failing test. */
  said(): string;
  /** Kills it as a crash would, and starts it again on the same port and database. */
  again(): Promise<void>;
  /** Ends it in order and removes its files. */
  stop(): Promise<void>;
}

/**
 * Starts the built program on a free port; `settings` are NOD_ variables. `command` is another
 * program that runs it, from the repository's folder: it has to say all that nod says.
 */
export async function startServer(
  settings: Record<string, string> = {},
  command = ["bin/nod", "serve"],
): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), "nod-e2e-"));
  let said = "";
  const run = (address: string): ChildProcess => {
    const [program = "", ...words] = command;
    const child = spawn(program, words, {
      cwd: ROOT,
      env: {
        ...ownEnvironment(),
        NOD_ADDR: address,
        NOD_DATABASE_URL: `sqlite:${join(folder, "nod.db")}`,
        NOD_LOG_FORMAT: "text",
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const hear = (piece: Buffer) => {
      said += piece;
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    return child;
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(late);
  };

  let child = run("127.0.0.1:0");
  const banner = await ready(child, () => said);
  return {
    ...banner,
    said: () => said,
    again: async () => {
      await end(child, "SIGKILL");
      said = "";
      child = run(new URL(banner.url).host);
      await ready(child, () => said);
    },
    stop: async () => {
      await end(child, "SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The simulated SMS to a number so far, oldest first. */
export async function textsOf(
  { url, apiKey }: RunningServer,
  number: string,
): Promise<{ code: string; text: string }[]> {
  const response = await fetch(`${url}/api/v1/outbox?${new URLSearchParams({ to: number })}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  const { messages } = (await response.json()) as {
    messages: { channel: string; code: string; text: string }[];
  };
  return messages.filter(({ channel }) => channel === "sms");
}

/** Reads the banner: the link to open, and the key that only a first start has. */
export function readBanner(text: string): { url: string; apiKey: string } | null {
  const url = /^\s*open\s+(http\S+)/m.exec(text)?.[1];
  if (!url) return null;
  const apiKey = /^\s*API key\s+(nod_sk_\S+)/m.exec(text)?.[1] ?? "";
  return { url: url.replace(/\/+$/, ""), apiKey };
}

// Whoever runs the tests may have settings of their own.
function ownEnvironment(): NodeJS.ProcessEnv {
  const others = /^(NOD_|TWILIO_|ANALYTICS_|GOOGLE_APPLICATION_CREDENTIALS)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !others.test(name)));
}

// The banner is said as soon as it listens.
async function ready(child: ChildProcess, said: () => string) {
  const banner = await new Promise<ReturnType<typeof readBanner>>((resolve) => {
    const late = setTimeout(resolve, START_MS, null);
    const settle = (found: ReturnType<typeof readBanner>) => {
      clearTimeout(late);
      resolve(found);
    };
    child.once("exit", () => settle(null));
    child.stdout?.on("data", () => {
      const found = readBanner(said());
      if (found) settle(found);
    });
  });
  if (banner && (await fetch(`${banner.url}/readyz`)).ok) return banner;
  child.kill("SIGKILL");
  throw new Error(`nod did not start. It said:\n${said()}`);
}
