import { expect, test } from "vitest";
import { cut, line, visible } from "../src/visible";

test("what would not be seen is a symbol", () => {
  expect(visible("\u001b[31mred\u0007\u0000\u007f")).toBe("␛[31mred␇␀␡");
  expect(visible("a\u202eb\u2066c\u200fd\u{e0041}")).toBe("a⟦U+202E⟧b⟦U+2066⟧c⟦U+200F⟧d⟦U+E0041⟧");
});

test("words, line ends, tabs, emoji and joined scripts stay as they are", () => {
  const text = "a\tb\nc 漢字 שלום نمی‌خواهم 👩‍👩‍👧 <script>alert(1)</script>";
  expect(visible(text)).toBe(text);
  expect(visible("a\r\nb\rc")).toBe("a\nb␍c");
});

test("a line has no line ends", () => {
  expect(line("  a\n\n b\t\u001b ")).toBe("a b ␛");
});

test("a cut halves neither a pair nor a line end", () => {
  expect(cut("a😀", 2)).toBe(1);
  expect(cut("a😀", 3)).toBe(3);
  expect(cut("a\r\n", 2)).toBe(1);
  expect(cut("", 0)).toBe(0);
});
