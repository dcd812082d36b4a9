// @vitest-environment jsdom
import { expect, test } from "vitest";
import { readMessage } from "./messages";

test.each([
  ['{"id":"1","channel":"sms","text":"hi","at":"2026-05-04T10:00:00Z"}', "hi"],
  ['{"id":"1","channel":"pigeon","at":"2026-05-04T10:00:00Z"}', undefined],
  ['{"channel":"sms"}', undefined],
  ["null", undefined],
  ["{", undefined],
])("%s", (data, text) => expect(readMessage(data)?.text).toBe(text));
