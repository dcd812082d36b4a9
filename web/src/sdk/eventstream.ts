/** One message of an event stream. */
export interface StreamMessage {
  event: string;
  data: string;
  id: string;
}

// A stream that never ends a line is not allowed to fill the memory.
const MAX_PENDING = 1 << 20;

/**
 * Reads Server-Sent Events from a body of `fetch`, as the HTML standard parses them, one by one:
 * the reader sets the pace. Ends with the stream; leaving the loop early ends the stream.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<StreamMessage, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new StreamParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The parser of an event stream without the stream: text in, messages out. */
export class StreamParser {
  #pending = "";
  #event = "";
  #data: string[] = [];
  #size = 0;
  #id = "";

  /** Takes the next piece of text and returns the messages that it completed. */
  push(text: string): StreamMessage[] {
    const messages: StreamMessage[] = [];
    this.#pending += text;
    for (;;) {
      const end = this.#pending.search(/\r\n|\n|\r/);
      if (end < 0) break;
      // A lone CR at the very end may be half of a CR LF: wait for what follows.
      if (this.#pending[end] === "\r" && end === this.#pending.length - 1) break;
      const width = this.#pending.startsWith("\r\n", end) ? 2 : 1;
      const line = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + width);
      const message = this.#line(line);
      if (message) messages.push(message);
    }
    if (this.#pending.length + this.#size > MAX_PENDING) {
      throw new RangeError("a message of the event stream is too long");
    }
    return messages;
  }

  #line(line: string): StreamMessage | null {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "id" && !value.includes("\0")) this.#id = value;
    if (field === "data") {
      this.#data.push(value);
      this.#size += value.length;
    }
    return null;
  }

  #dispatch(): StreamMessage | null {
    const message = { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id };
    const empty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    this.#size = 0;
    return empty ? null : message;
  }
}
