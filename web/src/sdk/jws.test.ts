import { describe, expect, test } from "vitest";
import { base64url, fromBase64url, sha256, utf8 } from "./encoding.ts";
import { type Jwks, publicJwk, signJws, verifyJws } from "./jws.ts";
import { makeSignKeys } from "./keys.ts";
import signed from "./testdata/signed.json" with { type: "json" };

const { token } = signed;
const jwks = signed.jwks as Jwks;

const reason = async (work: Promise<unknown>) =>
  await work.then(
    () => "accepted",
    (error) => error.reason,
  );

describe("a signed token", () => {
  test("of the server's own library is read", async () => {
    expect(await verifyJws(token, signed.typ, jwks)).toEqual(signed.claims);
  });

  test("made here is read here, and its signature is two raw numbers", async () => {
    const keys = await makeSignKeys();
    const made = await signJws(keys.privateKey, "nod-device+jwt", { iss: "dev_1" });
    expect(fromBase64url(made.split(".")[2] ?? "")).toHaveLength(64);
    const own = { keys: [{ ...(await publicJwk(keys.publicKey)), kid: "k1" }] };
    expect(await verifyJws(made, "nod-device+jwt", own)).toEqual({ iss: "dev_1" });
  });

  test("is refused for another purpose, by another key, and when a letter changed", async () => {
    const other = { keys: [{ ...(await publicJwk((await makeSignKeys()).publicKey)), kid: "k1" }] };
    const [head, body, tail] = token.split(".");
    const forged = base64url(utf8('{"iss":"https://nod.example","verification_id":"ver_2"}'));
    expect(await reason(verifyJws(token, "nod-answer+jwt", jwks))).toBe("wrong_type");
    expect(await reason(verifyJws(token, "nod-prompt+jwt", other))).toBe("bad_signature");
    expect(await reason(verifyJws(token, "nod-prompt+jwt", { keys: [] }))).toBe("unknown_key");
    expect(await reason(verifyJws(`${head}.${forged}.${tail}`, "nod-prompt+jwt", jwks))).toBe(
      "bad_signature",
    );
    expect(await reason(verifyJws(`${head}.${body}.`, "nod-prompt+jwt", jwks))).toBe("malformed");
  });

  test.each(["none", "HS256", "RS256"])(
    "that says it was signed with %s is refused",
    async (alg) => {
      const head = base64url(utf8(JSON.stringify({ alg, typ: "nod-prompt+jwt", kid: "k1" })));
      const [, body, tail] = token.split(".");
      expect(await reason(verifyJws(`${head}.${body}.${tail}`, "nod-prompt+jwt", jwks))).toBe(
        "malformed",
      );
    },
  );
});

describe("base64url", () => {
  test("has one spelling for each value", () => {
    expect(base64url(Uint8Array.of(251, 255, 254))).toBe("-__-");
    expect(() => fromBase64url("-__=")).toThrow(TypeError);
    expect(() => fromBase64url("AB")).toThrow(TypeError);
    expect(fromBase64url("AA")).toEqual(Uint8Array.of(0));
  });

  test("names a hash as RFC 7636 does in its appendix B", async () => {
    expect(await sha256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe(
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
  });
});
