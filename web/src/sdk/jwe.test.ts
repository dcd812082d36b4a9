import { expect, test } from "vitest";
import { JweError, openJwe } from "./jwe.ts";

// Made by go-jose, the library of the server.
const sealed =
  "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJrdHkiOiJFQyIsImNydiI6IlAtMjU2IiwieCI6IlZJYTg5QUExS0QtY3BYMnd0SDNrQ0c1RzE3M0NWRllxX0VSVDJpWHlVY2MiLCJ5IjoiUHBZY2RraEM2bl92dkxfaVotaklWd2Q3RS1UOHkzUzUyQlpFSnAxZEdCayJ9fQ..g6twUhJKDPSUIMwZ.JSMOgq58ldXeXVahT0kAx4x613JgvCbYSGNiNZjH.l47T3_cTCygaLNN_WxzTaA";
const jwk: JsonWebKey = JSON.parse(
  '{"kty":"EC","crv":"P-256","x":"Kv2m-AutrJrnKa9jf06yH2AK3gg2hmnPUw6zTJu_zFQ","y":"bIMUqWWacfoWWRYkYIxfsPvkbONMFr3Uzj3ffyMMSRQ","d":"c-zyKTRd77IaXFyUtHYOaMKiCVNaxgQqh_jB7YxUOu4"}',
);

const importKey = () =>
  crypto.subtle.importKey("jwk", jwk, { name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);

test("a message that the server's library sealed is opened", async () => {
  expect(await openJwe(sealed, await importKey())).toBe("signed prompt, sealed for Zoë");
});

test("a message that was changed, or is for another key, is not opened", async () => {
  const key = await importKey();
  const parts = sealed.split(".");
  const changed = [...parts.slice(0, 3), `A${parts[3]?.slice(1)}`, parts[4]].join(".");
  const other = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, [
    "deriveBits",
  ]);
  await expect(openJwe(changed, key)).rejects.toThrow(JweError);
  await expect(openJwe(sealed, other.privateKey)).rejects.toThrow(JweError);
  await expect(openJwe("a.b.c", key)).rejects.toThrow(JweError);
});
