import { afterEach, expect, test } from "vitest";
import { language, languageOf, money, setLanguage, t } from "../src/i18n";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

afterEach(() => setLanguage("en"));

test("every text has the same gaps to fill in both languages", () => {
  const many = (text: string) => text.split(" | ").at(-1)!;
  const gaps = (text: string) => [...many(text).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    expect(gaps(zh[key]), key).toEqual(gaps(en[key]));
    expect(zh[key].trim(), key).not.toBe("");
  }
});

test("a tag of a language finds ours", () => {
  expect(["zh-CN", "zh", "zh-TW", "en-GB", "fr", undefined].map(languageOf)).toEqual([
    "zh",
    "zh",
    "zh",
    "en",
    "en",
    "en",
  ]);
});

test("words are filled in, and follow the language", () => {
  expect(t("show_all", { n: 1234 })).toContain("1,234");
  setLanguage("zh");
  expect(language()).toBe("zh");
  expect(t("show_all", { n: 1234 })).toContain("显示全部");
});

test("an unknown cost is never zero, and a small one keeps its digits", () => {
  expect(money(null)).toBe("–");
  expect(money(0)).toBe("$0.00");
  expect(money(0.000123)).toBe("$0.000123");
  expect(money(12.345)).toBe("$12.35");
});

test("one thing is not many", () => {
  expect([0, 1, 2].map(n => t("found", { n }))).toEqual(["0 recordings", "1 recording", "2 recordings"]);
  setLanguage("zh");
  expect(t("found", { n: 1 })).toBe("共 1 条记录");
});
