import { afterEach, expect, test } from "vitest";
import { AntiphonText, SHOWN } from "../src/components/text";

afterEach(() => document.body.replaceChildren());

async function made(text = ""): Promise<AntiphonText> {
  const element = new AntiphonText();
  element.text = text;
  document.body.append(element);
  await element.updateComplete;
  return element;
}

function frame(): Promise<void> {
  return new Promise(resolve => requestAnimationFrame(() => resolve()));
}

function shown(element: AntiphonText): string {
  return element.shadowRoot!.querySelector(".text")!.textContent!;
}

function blocks(element: AntiphonText): string[] {
  return [...element.shadowRoot!.querySelectorAll(".text > div")].map(block => block.textContent!);
}

test("markup is text, and what cannot be seen is a symbol", async () => {
  const element = await made("<b>bold</b>\u001b[1m\u202e");
  expect(shown(element)).toBe("<b>bold</b>␛[1m⟦U+202E⟧");
  expect(element.shadowRoot!.querySelector("b")).toBeNull();
});

test("pieces reach the page once in a frame, into the text that is there", async () => {
  const element = await made();
  element.add("one ");
  await frame();
  await frame();
  const node = element.shadowRoot!.querySelector(".text > div")!.firstChild;
  for (const piece of ["two ", "three ", "four"]) element.add(piece);
  expect(shown(element)).toBe("one ");
  await frame();
  await frame();
  expect(shown(element)).toBe("one two three four");
  expect(element.shadowRoot!.querySelector(".text > div")!.firstChild).toBe(node);
  expect(element.text).toBe("one two three four");
});

test("a pair of surrogates or a line end that comes in two pieces is not halved", async () => {
  const element = await made();
  for (const piece of ["a\ud83d", "\ude00b\r", "\nc"]) {
    element.add(piece);
    await frame();
    await frame();
  }
  expect(shown(element)).toBe("a😀b\nc");
});

test("a long text is cut, its original kept, and shown whole on request", async () => {
  const text = "x".repeat(100_000);
  const element = await made(text);
  await frame();
  expect(shown(element).length).toBe(SHOWN);
  expect(element.text).toBe(text);
  await element.updateComplete;
  element.shadowRoot!.querySelector("button")!.click();
  for (let n = 0; n < 20 && shown(element).length < text.length; n++) await frame();
  expect(shown(element)).toBe(text);
  await element.updateComplete;
  expect(element.shadowRoot!.querySelector("button")).toBeNull();
});

test("blocks end at lines where there are any, and nothing is lost between them", async () => {
  const line = `${"word ".repeat(19)}end.\n`;
  const text = line.repeat(150);
  const element = await made(text);
  await frame();
  expect(blocks(element).join("")).toBe(text);
  expect(blocks(element).length).toBeGreaterThan(2);
  for (const block of blocks(element)) expect(block.endsWith("\n")).toBe(true);
});

test("another text takes the place of the first", async () => {
  const element = await made("first");
  element.text = "second";
  await frame();
  await frame();
  expect(shown(element)).toBe("second");
});

test("a long line is cut into blocks at spaces, an endless one anywhere but in a pair", async () => {
  const words = "word ".repeat(4000);
  const element = await made(words);
  await frame();
  expect(blocks(element).join("")).toBe(words);
  expect(blocks(element).length).toBeGreaterThan(2);
  for (const block of blocks(element)) expect(block.endsWith(" ")).toBe(true);
  const endless = `x${"😀".repeat(9000)}`;
  const other = await made(endless);
  await frame();
  expect(blocks(other).join("")).toBe(endless);
  expect(blocks(other).length).toBeGreaterThan(2);
  for (const block of blocks(other)) expect(block.isWellFormed()).toBe(true);
});
