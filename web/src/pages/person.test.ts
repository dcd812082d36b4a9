// @vitest-environment jsdom
import { expect, test } from "vitest";
import { followPerson } from "./person";

test("a page begins anew once its browser is another person's, and only then", () => {
  let times = 0;
  const stop = followPerson(() => times++);
  const person = (user: string) =>
    JSON.stringify({ demo_token: "t", user, name: "Ada", phone_number: "+14155550123" });
  const become = (oldValue: string | null, newValue: string | null, key = "nod.demo.person") =>
    window.dispatchEvent(new StorageEvent("storage", { key, oldValue, newValue }));
  become(null, person("ada"));
  become(person("ada"), person("ada"));
  become(person("ada"), null);
  become(person("ada"), person("bo"), "nod.phone.1.push");
  expect(times).toBe(0);
  become(person("ada"), person("bo"));
  expect(times).toBe(1);
  stop();
  become(person("bo"), person("ada"));
  expect(times).toBe(1);
});
