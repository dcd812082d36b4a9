import { expect, test } from "vitest";
import { JweError, openJwe } from "./jwe.ts";
import sealed from "./testdata/sealed.json" with { type: "json" };

const importKey = () => {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  return crypto.subtle.importKey("jwk", sealed.key, curve, false, ["deriveBits"]);
};

test("a message that the server's library sealed is opened", async () => {
  expect(await openJwe(sealed.token, await importKey())).toBe(sealed.text);
});

test("a message that was changed, or is for another key, is not opened", async () => {
  const key = await importKey();
  const parts = sealed.token.split(".");
  const changed = [...parts.slice(0, 3), `A${parts[3]?.slice(1)}`, parts[4]].join(".");
  const other = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, [
    "deriveBits",
  ]);
  await expect(openJwe(changed, key)).rejects.toThrow(JweError);
  await expect(openJwe(sealed.token, other.privateKey)).rejects.toThrow(JweError);
  await expect(openJwe("a.b.c", key)).rejects.toThrow(JweError);
});
