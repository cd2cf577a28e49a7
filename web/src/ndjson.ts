/** Lines of JSON from a stream of bytes, as they become whole. */
export async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pieces: string[] = []; // of the line that is not whole yet: joined once, or a long line would cost its square
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const parts = decoder.decode(value, { stream: !done }).split("\n");
      for (const [at, part] of parts.entries()) {
        pieces.push(part);
        if (at === parts.length - 1) break;
        yield* parsed(pieces);
        pieces = [];
      }
      if (done) break;
    }
    yield* parsed(pieces);
  } finally {
    await reader.cancel().catch(() => {}); // whoever stops reading stops the server as well
  }
}

function* parsed(pieces: readonly string[]): Generator<unknown> {
  const line = pieces.join("").trim();
  if (line) yield JSON.parse(line);
}
