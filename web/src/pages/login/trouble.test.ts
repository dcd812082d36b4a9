import { expect, test } from "vitest";
import { english } from "../../component/texts";
import { NodError } from "../../sdk";
import { problemFrom } from "../../sdk/errors";
import { signInTrouble } from "./trouble";

const refused = (status: number, body: object) => {
  // As the demo's bank passes it on.
  const empty = { title: "", detail: "", reason: "", retry_after: 0 };
  const told = { ...empty, verification_id: "ver_1", ...body };
  return signInTrouble(english, new NodError(problemFrom(status, told)));
};

test.each([
  [403, { code: "blocked", reason: "country" }, /^No codes go to this country\./],
  [
    403,
    { code: "blocked", reason: "spend_cap" },
    /^No codes can be sent at the moment\. Choose another way/,
  ],
  [
    403,
    { code: "blocked", reason: "fraud_rule" },
    /^Something looked unusual, so nothing was sent\./,
  ],
  [403, { code: "blocked", reason: "account_locked" }, /Ask the service to unlock it\.$/],
  [403, { code: "blocked", reason: "newer_than_this" }, /^Your account is safe\. Wait a while/],
  [403, { code: "blocked", reason: "fraud_rule", retry_after: 800 }, /Try again at \d\d:\d\d\.$/],
  [423, { code: "locked", retry_after: 7200 }, /Try again later\.$/],
  [423, { code: "locked" }, /until the service unlocks them\. Ask it for help\.$/],
])("a sign-in refused with %i %j is told so that it helps the honest", (status, body, words) => {
  const told = refused(status, body);
  expect(told.text).toMatch(words);
  expect(told.refused).toBe(true);
  // A rule's name, its figures and what would get past it are nobody's business.
  expect(`${told.title} ${told.text}`).not.toMatch(/rule|limit|cap|fraud|prefix/i);
});

test("what is only too early says from when on it is not", () => {
  const before = Date.now();
  const told = refused(429, { code: "rate_limited", retry_after: 480 });
  expect(told).toMatchObject({ title: "Too many requests", early: true });
  expect(told.againAt).toBeGreaterThanOrEqual(before + 480_000);
  expect(told.againAt).toBeLessThanOrEqual(Date.now() + 480_000);
  expect(refused(403, { code: "blocked", reason: "country" }).againAt).toBeUndefined();
  expect(refused(409, { code: "in_progress", verification_id: "" }).refused).toBe(false);
});
