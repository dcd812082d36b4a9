import { expect, test } from "vitest";
import { readPush } from "./push.ts";

const prompt = { type: "prompt", verification_id: "ver_1", delivery_id: "dlv_1", jwe: "a..b.c.d" };

test("a request is read from text and from an object", () => {
  const read = {
    type: "prompt",
    verificationId: "ver_1",
    deliveryId: "dlv_1",
    jwe: "a..b.c.d",
    title: "Sign-in request",
    body: "",
  };
  expect(readPush({ ...prompt, title: "Sign-in request" })).toEqual(read);
  expect(readPush(JSON.stringify({ ...prompt, title: "Sign-in request" }))).toEqual(read);
});

test("that a request is over is read", () => {
  const read = { type: "prompt_closed", verificationId: "ver_1" };
  expect(readPush({ type: "prompt_closed", verification_id: "ver_1" })).toEqual(read);
});

test.each([
  ["nothing", null],
  ["no JSON", "{"],
  ["a list", "[]"],
  ["a number", "7"],
  ["no type", { verification_id: "ver_1" }],
  ["another type", { ...prompt, type: "advert" }],
  ["no id", { type: "prompt" }],
  ["an id that leads elsewhere", { ...prompt, verification_id: "../devices/dev_1" }],
  ["an id without end", { ...prompt, verification_id: "v".repeat(65) }],
  ["a text without end", JSON.stringify({ ...prompt, title: "x".repeat(9000) })],
])("%s is no message", (_what, data) => expect(readPush(data)).toBeNull());

test("of a message only the parts that fit are taken", () => {
  const odd = { ...prompt, delivery_id: "a b", jwe: 7, title: "x".repeat(999), body: {} };
  expect(readPush(odd)).toMatchObject({ deliveryId: null, jwe: null, body: "" });
  expect(readPush({ ...prompt, jwe: "x".repeat(9000) })).toMatchObject({ jwe: null });
  expect(readPush(odd)).toHaveProperty("title.length", 240);
});
