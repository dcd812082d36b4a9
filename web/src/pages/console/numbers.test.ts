import { expect, test } from "vitest";
import { count, many, percent, rate, share, took } from "./numbers";

test("numbers are as exact as they are short", () => {
  expect([count(null), count(0), count(12_480), count(1_236_000)]).toEqual([
    "–",
    "0",
    "12,480",
    "1.24 M",
  ]);
  expect([rate(null), rate(0), rate(0.44), rate(9.96), rate(1280)]).toEqual([
    "–",
    "0",
    "0.4",
    "10",
    "1,280",
  ]);
  expect([many(1, "phone"), many(2, "phone"), many(2, "try", "tries")]).toEqual([
    "1 phone",
    "2 phones",
    "2 tries",
  ]);
});

test.each([
  [null, "–"],
  [0, "0 %"],
  [0.0001, "0.1 %"],
  [0.004, "0.4 %"],
  [0.0096, "1 %"],
  [0.934, "93 %"],
  [0.99, "99 %"],
  [0.9999, "99.9 %"],
  [1, "100 %"],
])("a share of %s is %s", (value, words) => {
  expect(percent(value)).toBe(words);
});

test.each([
  [null, "–"],
  [0, "0 ms"],
  [0.8404, "840 ms"],
  [0.9999, "1 s"],
  [12.44, "12.4 s"],
  [60, "60 s"],
  [99.99, "1.7 min"],
  [150, "2.5 min"],
  [300, "5 min"],
  [598, "10 min"],
  [725, "12 min"],
  [9000, "2.5 h"],
  [259_200, "3 days"],
])("%s seconds are %s", (seconds, words) => {
  expect(took(seconds)).toBe(words);
});

test("a part of nothing is unknown", () => {
  expect([share(0, 0), share(1, 4)]).toEqual([null, 0.25]);
});
