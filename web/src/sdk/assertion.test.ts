import { beforeEach, describe, expect, test } from "vitest";
import {
  type Assertion,
  AssertionError,
  checkAssertion,
  ES256,
  importCredentialKey,
  type PlatformCredential,
  RS256,
} from "./assertion.ts";
import { base64url, sha256 } from "./encoding.ts";
import { type Bent, Platform } from "./testing/platform.ts";

const origin = "https://nod.example";
const rpId = "nod.example";
let challenge: string;
let platform: Platform;
let credential: PlatformCredential;

async function makeCredential(algorithm = ES256): Promise<void> {
  platform = new Platform(origin, algorithm);
  const { rawId, response } = await platform.credentials.create({});
  const publicKey = await importCredentialKey(
    response.getPublicKey(),
    response.getPublicKeyAlgorithm(),
  );
  credential = { id: base64url(new Uint8Array(rawId)), rpId, publicKey, signCount: 0 };
}

beforeEach(async () => {
  challenge = await sha256("the signed request");
  await makeCredential();
});

/** What the platform says, bent as a test wants it. */
async function assertion(bent: Bent = {}): Promise<Assertion> {
  platform.bent = bent;
  const { id, response } = await platform.sign(credential.id, challenge, rpId);
  return { id, ...response };
}

const check = (given: Assertion) => checkAssertion(given, { credential, challenge, origin });

async function deny(given: Assertion, reason: AssertionError["reason"]): Promise<void> {
  const error = await check(given).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AssertionError);
  expect(error.reason).toBe(reason);
}

/** The same bytes with one bit of one of them turned. */
function turned(buffer: ArrayBuffer, at: number): ArrayBuffer {
  const bytes = new Uint8Array(buffer.slice(0));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.buffer;
}

describe("a check of the person is believed", () => {
  test.each([
    ["ECDSA", ES256],
    ["RSA, as some computers have it", RS256],
  ])("when it is right: %s", async (_what, algorithm) => {
    await makeCredential(algorithm);
    // Signatures differ each time, and with them the lengths of their numbers.
    for (let count = 1; count <= 40; count++) {
      expect(await check(await assertion({ count }))).toBe(count);
    }
  });

  test("from a platform that counts nothing", async () => {
    expect(await check(await assertion({ count: 0 }))).toBe(0);
    expect(await check(await assertion({ count: 0 }))).toBe(0);
  });
});

describe("a check of the person is not believed", () => {
  test.each<[string, Bent, AssertionError["reason"]]>([
    ["without the person's verification", { flags: 1 }, "not_verified"],
    ["without anybody there", { flags: 4 }, "not_present"],
    ["for another request", { challenge: "AAAA" }, "other_challenge"],
    ["of another page", { origin: "https://nod.example.evil" }, "other_origin"],
    ["of the same host without TLS", { origin: "http://nod.example" }, "other_origin"],
    ["inside a stranger's page", { crossOrigin: true }, "other_origin"],
    ["for another host", { rpId: "example" }, "other_host"],
    ["that was a registration", { type: "webauthn.create" }, "other_type"],
  ])("%s", async (_what, bent, reason) => {
    await deny(await assertion(bent), reason);
  });

  test("of another credential", async () => {
    await deny({ ...(await assertion()), id: "AAAA" }, "other_credential");
  });

  test("with a counter that stands still, goes back or stopped", async () => {
    credential = { ...credential, signCount: 7 };
    for (const count of [7, 6, 0]) await deny(await assertion({ count }), "counter");
    expect(await check(await assertion({ count: 8 }))).toBe(8);
  });

  test("when one bit of what was signed or of the signature is another", async () => {
    const given = await assertion();
    const { authenticatorData, clientDataJSON, signature } = given;
    await deny({ ...given, authenticatorData: turned(authenticatorData, 36) }, "bad_signature");
    for (let at = 0; at < signature.byteLength; at++) {
      await deny({ ...given, signature: turned(signature, at) }, "bad_signature");
    }
    const spaced = new Uint8Array([...new Uint8Array(clientDataJSON), 0x20]).buffer;
    await deny({ ...given, clientDataJSON: spaced }, "bad_signature");
  });

  test("signed by another key", async () => {
    const given = await assertion();
    const { publicKey } = credential;
    await makeCredential();
    await deny({ ...given, id: credential.id }, "bad_signature");
    credential = { ...credential, publicKey };
    await deny({ ...(await assertion()), id: credential.id }, "bad_signature");
  });

  test("with a signature of any wrong length", async () => {
    const given = await assertion();
    for (let length = 0; length < given.signature.byteLength; length++) {
      await deny({ ...given, signature: given.signature.slice(0, length) }, "bad_signature");
    }
    const longer = new Uint8Array([...new Uint8Array(given.signature), 0]).buffer;
    await deny({ ...given, signature: longer }, "bad_signature");
  });

  test("when it is rubbish", async () => {
    const given = await assertion();
    const text = (json: string) => new TextEncoder().encode(json).buffer as ArrayBuffer;
    await deny({ ...given, clientDataJSON: text("{") }, "malformed");
    await deny({ ...given, clientDataJSON: text("null") }, "other_type");
    await deny({ ...given, authenticatorData: new ArrayBuffer(36) }, "malformed");
  });
});
