import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Device } from "./device.ts";
import { base64url, fromUtf8, sha256 } from "./encoding.ts";
import { type DeviceRecord, type KeyStore, makeSignKeys, memoryKeyStore } from "./keys.ts";
import type { Prompt } from "./prompts.ts";
import { type Bent, Platform } from "./testing/platform.ts";
import { canVerifyUser, UserNotVerified, type VerifyUserOptions, verifyUser } from "./webauthn.ts";

const origin = "https://nod.example";
const prompt = { signed: "signed by the server", expiresAt: Date.now() + 90_000 } as Prompt;
let platform: Platform;
let keys: KeyStore;
let device: Device;

const openDevice = async () =>
  new Device({ record: (await keys.load("1")) as DeviceRecord, keys, slot: "1" });

beforeEach(async () => {
  platform = new Platform(origin);
  vi.stubGlobal("location", new URL(`${origin}/phone`));
  vi.stubGlobal("PublicKeyCredential", platform.publicKeyCredential);
  vi.stubGlobal("navigator", { credentials: platform.credentials });
  keys = memoryKeyStore();
  const { privateKey } = await makeSignKeys();
  await keys.save("1", {
    id: "dev_1",
    userId: "u1",
    name: "Ada's phone",
    baseUrl: origin,
    audience: origin,
    jwks: { keys: [] },
    signKey: privateKey,
    encryptKey: privateKey,
    createdAt: "",
  });
  device = await openDevice();
});
afterEach(() => {
  device.dispose();
  vi.unstubAllGlobals();
});

const verify = (options?: VerifyUserOptions) => verifyUser(device, prompt, options);

async function fails(reason: UserNotVerified["reason"], options?: VerifyUserOptions) {
  const error = await verify(options).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(UserNotVerified);
  expect(error.reason).toBe(reason);
}

describe("a browser", () => {
  test("can when its computer has a fingerprint, face or PIN", async () => {
    expect(await canVerifyUser()).toBe("able");
    platform.available = false;
    expect(await canVerifyUser()).toBe("unable");
  });

  test("that knows no WebAuthn, or fails to say, cannot", async () => {
    const failing = { isUserVerifyingPlatformAuthenticatorAvailable: () => Promise.reject("no") };
    vi.stubGlobal("PublicKeyCredential", failing);
    expect(await canVerifyUser()).toBe("unable");
    vi.stubGlobal("PublicKeyCredential", undefined);
    expect(await canVerifyUser()).toBe("unable");
  });

  test.each(["http://127.0.0.1:8080", "http://[::1]:8080", "https://192.0.2.7"])(
    "cannot at a bare address: %s",
    async (address) => {
      vi.stubGlobal("location", new URL(address));
      expect(await canVerifyUser()).toBe("unnamed");
    },
  );

  test.each(["http://localhost:8080", "https://1.nod.example"])(
    "can at a name: %s",
    async (url) => {
      vi.stubGlobal("location", new URL(url));
      expect(await canVerifyUser()).toBe("able");
    },
  );
});

describe("the person is checked", () => {
  test("twice the first time, and once from then on, by the same credential", async () => {
    await verify();
    expect(platform.asked).toEqual(["create", "get"]);
    await verify();
    device.dispose();
    device = await openDevice();
    await verify();
    expect(platform.asked).toEqual(["create", "get", "get", "get"]);
  });

  test("by this device's own platform, for this very request", async () => {
    await verify();
    const { signal: _none, publicKey } = platform.last;
    expect(publicKey).toMatchObject({ rpId: "nod.example", userVerification: "required" });
    const { challenge, allowCredentials, timeout } = publicKey as PublicKeyCredentialRequestOptions;
    expect(base64url(new Uint8Array(challenge as ArrayBuffer))).toBe(await sha256(prompt.signed));
    expect(allowCredentials).toMatchObject([{ transports: ["internal"] }]);
    expect(timeout).toBeGreaterThan(0);
    expect(timeout).toBeLessThanOrEqual(90_000);
  });

  test("with a credential that verifies its person and tells nobody who made it", async () => {
    platform.says = "no";
    await fails("not_done");
    const { user, rp, authenticatorSelection, attestation } = platform.last
      .publicKey as PublicKeyCredentialCreationOptions;
    expect(rp).toEqual({ id: "nod.example", name: "nod" });
    expect(fromUtf8(user.id as Uint8Array)).toBe("dev_1");
    expect(attestation).toBe("none");
    expect(authenticatorSelection).toMatchObject({
      authenticatorAttachment: "platform",
      userVerification: "required",
    });
  });

  test("and the counter is kept, so that a copy of the credential is found out", async () => {
    platform.bent = { count: 5 };
    await verify();
    expect((await keys.load("1"))?.credential?.signCount).toBe(5);
    await fails("not_believed");
    platform.bent = { count: 6 };
    await verify();
  });

  test("with what another page of this device made", async () => {
    const other = await openDevice();
    await verifyUser(other, prompt);
    await verify();
    expect(platform.asked).toEqual(["create", "get", "get"]);
    other.dispose();
  });
});

describe("the person is not checked", () => {
  test("when they say no; the next try may succeed", async () => {
    platform.says = "no";
    await fails("not_done");
    platform.says = "yes";
    await verify();
  });

  test("when the platform has forgotten; made anew, it serves again", async () => {
    await verify();
    platform.forget();
    await fails("not_done");
    await verify({ anew: true });
    await verify();
    expect(platform.asked.slice(2)).toEqual(["get", "create", "get", "get"]);
  });

  test("when the question is taken back", async () => {
    await fails("not_done", { signal: AbortSignal.abort() });
  });

  test.each<Bent>([{ flags: 1 }, { challenge: "AAAA" }, { origin: "https://other.example" }])(
    "when what comes back does not fit: %o",
    async (bent) => {
      platform.bent = bent;
      await fails("not_believed");
    },
  );

  test("where the browser never will", async () => {
    platform.credentials.create = () =>
      Promise.reject(new DOMException("an invalid domain", "SecurityError"));
    await fails("unable");
  });

  test("by a browser that keeps the public key to itself", async () => {
    const { create } = platform.credentials;
    platform.credentials.create = async (options) => {
      const made = await create(options);
      return { ...made, response: { ...made.response, getPublicKey: () => null as never } };
    };
    await fails("unable");
    expect(await device.loadCredential()).toBeNull();
  });
});
