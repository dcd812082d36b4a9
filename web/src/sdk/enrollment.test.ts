import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "./encoding.ts";
import { enroll, parseInvitation } from "./enrollment.ts";
import { type PublicJwk, verifyJws } from "./jws.ts";
import { memoryKeyStore } from "./keys.ts";
import { problem, type Request, TestServer } from "./testing/server.ts";

describe("enrolling", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.start();
  });
  afterEach(() => server.stop());

  const join = async () => {
    const keys = memoryKeyStore();
    const record = await enroll({
      baseUrl: `${server.baseUrl}/`,
      token: "enroll-me",
      name: "Pixel",
      push: { provider: "fcm", token: "sim-1" },
      keys,
      slot: "2",
    });
    return { keys, record };
  };
  const enrolled = {
    status: 201,
    body: {
      id: "dev_1",
      user_id: "u1",
      jwks: { keys: [] },
      created_at: "2026-01-01T00:00:00.000Z",
    },
  };
  const proof = async ({ body }: Request) =>
    await verifyJws(String(body.proof), "nod-enroll+jwt", { keys: [body.sign_jwk as PublicJwk] });

  test("proves the key, keeps it where it cannot be read, and remembers the device", async () => {
    server.on("POST /api/v1/devices", () => enrolled);
    const { keys, record } = await join();
    const [request] = server.requests as [Request];
    expect(request.body).toMatchObject({
      enrollment_token: "enroll-me",
      name: "Pixel",
      platform: "web",
      push: { provider: "fcm", token: "sim-1" },
      sign_jwk: { kty: "EC", crv: "P-256" },
      encrypt_jwk: { kty: "EC", crv: "P-256" },
    });
    expect(await proof(request)).toMatchObject({
      aud: server.baseUrl,
      enrollment_sha256: await sha256("enroll-me"),
    });
    expect(record).toMatchObject({ id: "dev_1", userId: "u1", audience: server.baseUrl });
    expect([record.signKey.extractable, record.encryptKey.extractable]).toEqual([false, false]);
    expect(await keys.load("2")).toBe(record);
    expect(await keys.load("1")).toBeNull();
  });

  test("dates the proof again by the server's clock when the own one is far off", async () => {
    let calls = 0;
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    server.on("POST /api/v1/devices", () =>
      ++calls === 1 ? { ...problem(401, "unauthenticated"), headers: { date } } : enrolled,
    );
    await join();
    const [first, second] = await Promise.all(server.requests.map(proof));
    expect(Number(first?.iat) - Number(second?.iat)).toBeGreaterThan(3_500);
  });

  test("keeps nothing when it is refused", async () => {
    server.on("POST /api/v1/devices", () => problem(410, "expired"));
    await expect(join()).rejects.toMatchObject({ code: "expired", status: 410 });
    expect(server.requests).toHaveLength(1);
  });
});

describe("an invitation", () => {
  const token = "t".repeat(24);
  test.each([
    [`https://nod.example/phone#enroll=${token}&demo=d1`, "https://nod.example", "d1"],
    [`#enroll=${token}`, undefined, undefined],
    [`nod:enroll#url=https%3A%2F%2Fnod.example&token=${token}`, "https://nod.example", undefined],
    [`  ${token} `, undefined, undefined],
  ])("is read out of %s", (text, baseUrl, demo) => {
    expect(parseInvitation(text)).toEqual({
      token,
      ...(baseUrl ? { baseUrl } : {}),
      ...(demo ? { demo } : {}),
    });
  });

  test.each(["", "hello", "https://nod.example/phone", "nod:enroll?url=x"])(
    "is not in %j",
    (text) => {
      expect(parseInvitation(text)).toBeNull();
    },
  );
});
