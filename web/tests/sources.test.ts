import { expect, test } from "vitest";

const SOURCES = import.meta.glob("../src/**/*.ts", {
  query: "?raw",
  import: "default",
  eager: true,
}) as Record<string, string>;

/** What a page with a strict policy does not take: styles as attributes. */
const INLINE = /\bstyle=|styleMap|setAttribute\(["']style/;

/** Ways to make markup, or code, of text. Model output must find none of them. */
const FORBIDDEN =
  /\b(innerHTML|outerHTML|insertAdjacentHTML|unsafeHTML|unsafeSVG|unsafeStatic|document\.write|DOMParser|createContextualFragment|setHTMLUnsafe|setHTML|srcdoc|eval|Function\()/;

test("no source makes markup of text", () => {
  expect(Object.keys(SOURCES).length).toBeGreaterThan(5);
  const found = Object.entries(SOURCES).filter(([, text]) => FORBIDDEN.test(text));
  expect(found.map(([name]) => name)).toEqual([]);
});

test("no source reaches another site", () => {
  const found = Object.entries(SOURCES).filter(([, text]) =>
    /["'`(](https?:)?\/\/(?!localhost)[a-z]/i.test(text),
  );
  expect(found.map(([name]) => name)).toEqual([]);
});

test("no source has styles as attributes", () => {
  const found = Object.entries(SOURCES).filter(([, text]) => INLINE.test(text));
  expect(found.map(([name]) => name)).toEqual([]);
});
