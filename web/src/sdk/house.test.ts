import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL(".", import.meta.url);
const files = readdirSync(folder).filter((name) => /^[a-z]+\.ts$/.test(name));
const source = (name: string) => readFileSync(new URL(name, folder), "utf8");

test("the SDK imports nothing but itself", () => {
  for (const name of files) {
    const imports = [...source(name).matchAll(/from "([^"]+)"/g)].map(([, path]) => path);
    for (const path of imports) expect(`${name}: ${path}`).toMatch(/: \.\/[a-z]+\.ts$/);
  }
});

// That the core names no `document` or `window` is checked by tsconfig.sdk.json.
test("only the index names the files that know a browser", () => {
  const pages = ["browser.ts", "indexeddb.ts", "webauthn.ts", "index.ts"];
  for (const name of files.filter((file) => !pages.includes(file))) {
    const known = /\.\/(browser|indexeddb|webauthn|index)\.ts|\bindexedDB\b/.test(source(name));
    expect(known, name).toBe(false);
  }
});

test("no file is longer than one sitting", () => {
  for (const name of files) expect(source(name).split("\n").length, name).toBeLessThan(350);
});
