import { expect, test } from "vitest";
import { lines } from "../src/ndjson";

function stream(...pieces: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces)
        controller.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
      controller.close();
    },
  });
}

async function all(body: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const found = [];
  for await (const line of lines(body)) found.push(line);
  return found;
}

test("lines are whole however the bytes are cut, also inside a character", async () => {
  const bytes = new TextEncoder().encode('{"a":"é漢"}\n{"b":1}\n\n{"c":2}');
  for (let at = 0; at <= bytes.length; at++) {
    expect(await all(stream(bytes.slice(0, at), bytes.slice(at)))).toEqual([
      { a: "é漢" },
      { b: 1 },
      { c: 2 },
    ]);
  }
});

test("who stops reading closes the stream", async () => {
  let closed = false;
  const body = new ReadableStream<Uint8Array>({
    pull: controller => controller.enqueue(new TextEncoder().encode("1\n")),
    cancel: () => {
      closed = true;
    },
  });
  for await (const _ of lines(body)) break;
  expect(closed).toBe(true);
});
