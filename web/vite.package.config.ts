import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { build, defineConfig, type Plugin, type Rolldown } from "vite";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const own = JSON.parse(readFileSync(at("package.json"), "utf8"));

const entries = ["package/index", "sdk/index"];

// What a page brings itself, or npm beside the package.
const external = ["react", "react/jsx-runtime", "libphonenumber-js/min"];

const manifest = {
  name: own.name,
  version: own.version,
  description:
    "Proves a phone number against a nod server: React component, hook, and a client without a framework",
  license: own.license,
  type: "module",
  exports: {
    ".": { types: "./package/index.d.ts", default: "./package/index.js" },
    "./sdk": { types: "./sdk/index.d.ts", default: "./sdk/index.js" },
    "./style.css": { types: "./style.css.d.ts", default: "./style.css" },
    "./package.json": "./package.json",
  },
  files: ["component", "package", "sdk", "theme", "style.css", "style.css.d.ts"],
  sideEffects: ["*.css"],
  engines: own.engines,
  peerDependencies: { react: ">=18" },
  dependencies: { "libphonenumber-js": `^${own.dependencies["libphonenumber-js"]}` },
};

/** The npm package of the component and the SDK, under `package`, and its tarball beside it. */
export default defineConfig({
  publicDir: false,
  logLevel: "warn",
  plugins: [react(), pack()],
  build: {
    target: "es2022",
    outDir: "package",
    emptyOutDir: true,
    // A page's own build makes it small; until then it stays readable.
    minify: false,
    reportCompressedSize: false,
    lib: {
      entry: entries.map((name) => at(`src/${name}.ts`)),
      formats: ["es"],
      cssFileName: "style",
    },
    rolldownOptions: {
      external,
      checks: { pluginTimings: false }, // tsc and npm take their time
      output: {
        // Module by module, so that a page loads what it names and no more.
        preserveModules: true,
        preserveModulesRoot: at("src"),
        // A part and its style sheet have one name; the sheet's own module is empty and goes.
        entryFileNames: ({ facadeModuleId: id }) =>
          `[name]${id?.endsWith(".css") ? ".css" : ""}.js`,
        comments: { legal: true, annotation: true, jsdoc: false }, // the declarations have them
      },
    },
  },
});

// Adds what makes a folder of modules a package.
function pack(): Plugin {
  let folder = "";
  return {
    name: "nod-pack",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    generateBundle() {
      const add = (fileName: string, source: string | Buffer) =>
        this.emitFile({ type: "asset", fileName, source });
      add("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
      add("README.md", readFileSync(at("src/package/README.md")));
      add("style.css.d.ts", "export {};\n"); // TypeScript wants to know every import
      add("LICENSE", readFileSync(at("../LICENSE")));
    },
    async writeBundle(_options, bundle) {
      const tsc = at("node_modules/typescript/bin/tsc");
      const project = ["-p", at("tsconfig.package.json"), "--outDir", folder];
      execFileSync(process.execPath, [tsc, ...project], { stdio: "inherit" });
      for (const path of declarations(folder)) nameFiles(path);
      execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: folder });
      const numbers = row("libphonenumber-js/min", await bundled("libphonenumber-js/min"));
      process.stdout.write(`${sizes(bundle)}\n${numbers}, loaded with the number field\n`);
    },
  };
}

function declarations(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return entries.filter((name) => name.endsWith(".d.ts")).map((name) => join(folder, name));
}

// The sources name each other as the bundler reads them; Node's way of resolving types wants the
// names of files. Style sheets are none of theirs.
function nameFiles(path: string): void {
  const fileOf = (name: string): string => {
    const bare = name.replace(/\.tsx?$/, "");
    const found = [bare, `${bare}/index`].find((at) =>
      existsSync(join(dirname(path), `${at}.d.ts`)),
    );
    if (!found) throw new Error(`${path} names ${name}, which has no declarations`);
    return `${found}.js`;
  };
  const text = readFileSync(path, "utf8")
    .replace(/^import "[^"]+\.css";\n/gm, "")
    .replace(/(\bfrom |\bimport\()"(\.[^"]*)"/g, (_, before, name) => `${before}"${fileOf(name)}"`);
  writeFileSync(path, text);
}

// Each entry with all that it loads at once; the languages come when they are needed.
function sizes(bundle: Rolldown.OutputBundle): string {
  const closure = (name: string, seen = new Set<string>()): Set<string> => {
    const chunk = bundle[name];
    if (chunk?.type !== "chunk" || seen.has(name)) return seen;
    seen.add(name);
    for (const next of chunk.imports) closure(next, seen);
    return seen;
  };
  const text = (name: string): string => {
    const file = bundle[name];
    return file?.type === "chunk" ? file.code : String(file?.source ?? "");
  };
  const all = (label: string, names: string[]): string => row(label, names.map(text).join("\n"));
  const names = Object.keys(bundle).filter((name) => bundle[name]?.type === "chunk");
  const roots = entries.map((name) => `${name}.js`);
  const atOnce = new Set(roots.flatMap((name) => [...closure(name)]));
  const later = names.filter((name) => !atOnce.has(name));
  return [
    ...roots.map((name) => all(name, [...closure(name)])),
    all("style.css", ["style.css"]),
    ...later.map((name) => all(name, [name])),
  ].join("\n");
}

function row(label: string, text: string): string {
  const bytes = Buffer.from(text);
  const kB = (count: number) => `${(count / 1000).toFixed(1)} kB`.padStart(10);
  return `  ${label.padEnd(32)}${kB(bytes.length)}${kB(gzipSync(bytes).length)} gzip`;
}

// What a page's own build makes of a package that comes beside this one.
async function bundled(name: string): Promise<string> {
  const made = await build({
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    build: {
      write: false,
      minify: false,
      lib: { entry: at(`node_modules/${name}/index.js`), formats: ["es"] },
    },
  });
  const outputs = [made].flat() as Rolldown.RolldownOutput[];
  return outputs
    .flatMap(({ output }) => output)
    .map((file) => (file.type === "chunk" ? file.code : ""))
    .join("\n");
}
