import { describe, expect, test } from "vitest";
import { readEvents, StreamParser } from "./eventstream.ts";

describe("an event stream", () => {
  test("is read the same however it was cut into pieces", () => {
    const text =
      ': hi\r\nevent: tick\r\ndata: {"a":\r\ndata: 1}\r\nid: 7\r\n\r\ndata:x\n\nevent: none\n\n';
    const whole = new StreamParser().push(text);
    expect(whole).toEqual([
      { event: "tick", data: '{"a":\n1}', id: "7" },
      { event: "message", data: "x", id: "7" },
    ]);
    const parser = new StreamParser();
    expect([...text].flatMap((character) => parser.push(character))).toEqual(whole);
  });

  test("may not fill the memory with one message", () => {
    const parser = new StreamParser();
    expect(() => parser.push("x".repeat(2 << 20))).toThrow(RangeError);
  });

  test("keeps letters that were cut in half, and is ended by who leaves early", async () => {
    let canceled = false;
    const bytes = new TextEncoder().encode("data: Zürich\n\n");
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.slice(0, 8));
        controller.enqueue(bytes.slice(8));
      },
      cancel() {
        canceled = true;
      },
    });
    for await (const message of readEvents(body)) {
      expect(message.data).toBe("Zürich");
      break;
    }
    expect(canceled).toBe(true);
  });
});
