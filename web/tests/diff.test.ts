import { expect, test } from "vitest";
import { compared } from "../src/diff";

function sides(left: string, right: string, language = "en") {
  const pieces = compared(left, right, language)!;
  return {
    gone: pieces.filter(piece => !piece.right).map(piece => piece.text),
    come: pieces.filter(piece => !piece.left).map(piece => piece.text),
    left: pieces
      .filter(piece => piece.left)
      .map(piece => piece.text)
      .join(""),
    right: pieces
      .filter(piece => piece.right)
      .map(piece => piece.text)
      .join(""),
  };
}

test("words that differ are found, and both texts are whole", () => {
  const found = sides("the old cat sleeps", "the young cat sleeps now");
  expect(found.gone).toEqual(["old"]);
  expect(found.come).toEqual(["young", " now"]);
  expect([found.left, found.right]).toEqual(["the old cat sleeps", "the young cat sleeps now"]);
});

test("Chinese is compared by words, though it has no spaces", () => {
  const found = sides("黄昏的屋顶上有一只猫", "清晨的屋顶上有一只猫", "zh");
  expect(found.gone).toEqual(["黄昏"]);
  expect(found.come).toEqual(["清晨"]);
});

test("same texts have no differences, and empty ones no pieces", () => {
  expect(compared("a b", "a b", "en")).toEqual([{ text: "a b", left: true, right: true }]);
  expect(compared("", "", "en")).toEqual([]);
});

test("long texts are compared by lines, and endless ones not at all", () => {
  const lines = Array.from({ length: 4000 }, (_, at) => `line number ${at} of many\n`);
  const found = sides(lines.join(""), lines.with(2000, "another line\n").join(""));
  expect(found.gone).toEqual(["line number 2000 of many\n"]);
  expect(compared("a".repeat(300_000), "b".repeat(300_000), "en")).toBeNull();
});
