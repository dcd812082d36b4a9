import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// The package as somebody gets it: built, packed, unpacked beside its peers in an empty folder.

const web = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** What React 18 has; a newer name would make the package need a newer React. */
const react18 = new Set(
  `Children Component Fragment Profiler PureComponent StrictMode Suspense cloneElement createContext
  createElement createRef forwardRef isValidElement lazy memo startTransition useCallback useContext
  useDebugValue useDeferredValue useEffect useId useImperativeHandle useInsertionEffect useLayoutEffect
  useMemo useReducer useRef useState useSyncExternalStore useTransition jsx jsxs`.split(/\s+/),
);

let folder: string;
let installed: string;
let said: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nod-package-"));
  const built = join(folder, "built");
  const vite = join(web, "node_modules/vite/bin/vite.js");
  const args = ["build", "--config", "vite.package.config.ts", "--outDir", built];
  const { stdout } = await run(process.execPath, [vite, ...args], {
    cwd: web,
    env: { ...process.env, NODE_ENV: "production", VITEST: undefined },
  });
  said = stdout;
  const tarball = (await readdir(built)).find((name) => name.endsWith(".tgz")) ?? "none";
  // Two pages: one has React and what npm brings beside the package, one has nothing else at all.
  for (const page of ["page", "bare"]) {
    installed = join(folder, page, "node_modules", "nod-web");
    await mkdir(installed, { recursive: true });
    await run("tar", ["xzf", join(built, tarball), "--strip-components=1", "-C", installed]);
  }
  const beside = join(folder, "page", "node_modules");
  await mkdir(join(beside, "@types"));
  for (const name of ["react", "react-dom", "libphonenumber-js", "@types/react", "csstype"]) {
    await symlink(join(web, "node_modules", name), join(beside, name), "dir");
  }
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Runs a module in plain Node and answers what it prints. */
const node = async (page: string, source: string): Promise<string> => {
  await writeFile(join(folder, page, "main.mjs"), source);
  const { stdout } = await run(process.execPath, ["main.mjs"], { cwd: join(folder, page) });
  return stdout.trim();
};

const files = async (): Promise<[string, string][]> => {
  const entries = await readdir(installed, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(
    paths.map(async (path): Promise<[string, string]> => {
      return [path.slice(installed.length + 1), await readFile(path, "utf8")];
    }),
  );
};

describe("the package", () => {
  test("holds what it names, no test, and no trace of where it was built", async () => {
    const held = new Map(await files());
    const { exports, license, peerDependencies } = JSON.parse(held.get("package.json") ?? "");
    expect(license).toBe("Apache-2.0");
    expect(peerDependencies).toEqual({ react: ">=18" });
    const named = Object.values(exports).flatMap((entry) =>
      typeof entry === "string" ? entry : Object.values(entry as object),
    );
    for (const path of named) expect([...held.keys()]).toContain(String(path).slice(2));
    expect(held.get("LICENSE")).toContain("Apache License");
    expect(held.get("README.md")).toContain("nod-web/sdk");
    for (const [path, text] of held) {
      expect(path).not.toMatch(/\.test\.|testing|testkit/);
      for (const place of [dirname(web), folder]) expect(text.includes(place), path).toBe(false);
    }
  });

  test("says how large each part is, and what comes later", () => {
    for (const part of ["package/index.js", "sdk/index.js", "style.css", "component/texts/ar.js"]) {
      expect(said).toContain(`${part} `);
    }
    const [, size] =
      /libphonenumber-js\/min +([\d.]+) kB.*loaded with the number field/.exec(said) ?? [];
    expect(Number(size)).toBeGreaterThan(50);
  });

  test("imports only what npm brings beside it, and of React what 18 has", async () => {
    const held = await files();
    const { dependencies, peerDependencies } = JSON.parse(new Map(held).get("package.json") ?? "");
    const allowed = Object.keys({ ...dependencies, ...peerDependencies });
    for (const [path, text] of held.filter(([name]) => name.endsWith(".js"))) {
      for (const [, names = "", from = ""] of text.matchAll(
        /^(?:import|export) (?:(.*?) from )?"([^"]+)";$/gm,
      )) {
        if (from.startsWith(".")) continue;
        expect(allowed, path).toContain(from.split("/")[0]);
        if (!/^react\b/.test(from)) continue;
        const asked = names
          .replace(/[{}]/g, "")
          .split(",")
          .map((name) => name.trim().split(" ")[0]);
        for (const name of asked) expect(react18, `${path}: ${name}`).toContain(name);
      }
    }
  });
});

describe("plain Node", { timeout: 30_000 }, () => {
  test("imports the client where there is no React and no page", async () => {
    const printed = await node(
      "bare",
      `import { NodError, PhoneVerification, Watcher } from "nod-web/sdk";
       const phone = new PhoneVerification({ baseUrl: "http://127.0.0.1:1", fetchToken: () => "" });
       phone.start();
       await phone.send("+14155550123");
       const { phase, problem } = phone.getState();
       console.log(typeof Watcher, phase, problem instanceof NodError, problem.code);
       phone.dispose();`,
    );
    expect(printed).toBe("function entry true no_token");
  });

  test("draws the component", async () => {
    const printed = await node(
      "page",
      `import { createElement } from "react";
       import { renderToString } from "react-dom/server";
       import { SmartResendVerification } from "nod-web";
       console.log(renderToString(createElement(SmartResendVerification, {
         baseUrl: "https://nod.example.com",
         fetchToken: () => "",
         onVerificationSuccess() {},
         onBack() {},
       })));`,
    );
    expect(printed).toMatch(/^<(div|section|main)[^>]* class="[^"]*\bnod\b/);
  });
});

describe("a page's own build", () => {
  test("leaves no colour without a value", async () => {
    const page = join(folder, "page");
    await writeFile(join(page, "index.html"), `<script type="module" src="/draw.js"></script>`);
    const source = `import { useSmartResend } from "nod-web";
                    import "nod-web/style.css";
                    console.log(useSmartResend);`;
    await writeFile(join(page, "draw.js"), source);
    const vite = join(web, "node_modules/vite/bin/vite.js");
    await run(process.execPath, [vite, "build", "--logLevel", "warn"], {
      cwd: page,
      env: { ...process.env, NODE_ENV: "production", VITEST: undefined },
    });
    const assets = join(page, "dist/assets");
    const sheet = (await readdir(assets)).find((name) => name.endsWith(".css")) ?? "none";
    const css = await readFile(join(assets, sheet), "utf8");
    const set = new Set([...css.matchAll(/[{;](--[\w-]+):/g)].map(([, name]) => name));
    expect(set).toContain("--surface");
    // A variable that nothing sets takes its whole declaration with it, unless another value follows.
    const bare = [...css.matchAll(/var\((--[\w-]+)\)/g)].map(([, name]) => name);
    expect(bare.filter((name) => !set.has(name))).toEqual([]);
    const theme = ["accent", "ink", "paper", "radius", "font", "space", "if-light", "if-dark"];
    const read = [...css.matchAll(/var\((--[\w-]+)/g)].map(([, name = ""]) => name);
    const own = theme.map((name) => `--nod-${name}`);
    expect(read.filter((name) => !set.has(name) && !own.includes(name))).toEqual([]);
    // What bundlers make of this function is not the same everywhere.
    expect(css).not.toContain("light-dark(");
  }, 60_000);
});

const consumer = `
  import { type SmartResendOptions, SmartResendVerification, useSmartResend } from "nod-web";
  import { NodError, PhoneVerification, type PhoneState } from "nod-web/sdk";
  import "nod-web/style.css";

  export function Page() {
    return (
      <SmartResendVerification
        baseUrl="https://nod.example.com"
        fetchToken={async () => "token"}
        onVerificationSuccess={(phoneNumber, { resultToken }) => [phoneNumber.length, resultToken.length]}
        onBack={() => undefined}
      />
    );
  }
  // @ts-expect-error the seed's props are not optional
  export const none = <SmartResendVerification baseUrl="" fetchToken={() => ""} />;

  export function Own(options: SmartResendOptions) {
    const { state, act } = useSmartResend(options);
    // @ts-expect-error a code is a text
    void act.check(123456);
    return <p>{state.countdowns.resend ?? state.phoneNumber}</p>;
  }

  const phone = new PhoneVerification({ baseUrl: "", fetchToken: () => "" });
  export const state: PhoneState = phone.getState();
  export const problem: NodError | null = state.problem;
  phone.on("event", ({ event }) => event.delivery_id?.length);
  // @ts-expect-error there is no such event
  phone.on("nothing", () => undefined);
`;

describe("a page's own TypeScript", () => {
  // Node's own way of resolving is the strictest: a bundler finds what it finds.
  test("takes the declarations, and what the README shows", async () => {
    const page = join(folder, "page");
    const readme = await readFile(join(installed, "README.md"), "utf8");
    const shown = [...readme.matchAll(/^```tsx\n(.*?)^```$/gms)].map(([, source = ""]) => source);
    expect(shown).toHaveLength(2);
    const sources = [consumer, ...shown];
    const files = sources.map((_, place) => `page${place}.tsx`);
    await Promise.all(
      files.map((file, place) => writeFile(join(page, file), sources[place] ?? "")),
    );
    const options = {
      target: "es2022",
      lib: ["es2022", "dom"],
      module: "nodenext",
      jsx: "react-jsx",
      strict: true,
      noEmit: true,
      types: [],
    };
    const config = { compilerOptions: options, files };
    await writeFile(join(page, "package.json"), '{"type":"module"}');
    await writeFile(join(page, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(web, "node_modules/typescript/bin/tsc");
    const checked = await run(process.execPath, [tsc, "-p", page]).catch((error) => error);
    expect(checked.stdout).toBe("");
  }, 60_000);
});
