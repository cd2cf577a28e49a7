import { expect, test } from "vitest";
import { extra, seedsOf } from "../src/components/playground";
import { facts, lastPrompt } from "../src/facts";

test("tokens, cost, time and seed in one line; what is unknown is left out", () => {
  const entry = {
    input_tokens: 12,
    output_tokens: 345,
    cost: 0.0012,
    seed: "7",
    seed_status: "sent" as const,
  };
  expect(facts(entry, 1.25)).toEqual(["12 + 345 tokens", "$0.0012", "1.3 s", "seed 7 sent"]);
  expect(facts({ seed: null })).toEqual(["without a seed"]);
});

test("a seed says what became of it, without separators", () => {
  const of = (entry: object) => facts({ seed: "1234567", ...entry })[0];
  expect(of({ seed_status: "unsupported" })).toBe("seed 1234567 not taken by this model");
  expect(of({ seed_status: "sent", replayed: true })).toBe("seed 1234567 replayed");
});

test("an answer that was cut off says so", () => {
  expect(facts({ seed: "1", finish_reason: "length" })).toContain("cut off at the token limit");
  expect(facts({ seed: "1", finish_reason: "stop" })).toEqual(["Seed 1"]);
});

test("the last prompt is the user's, without its pictures", () => {
  const messages = [
    { role: "system", content: ["s"] },
    { role: "user", content: ["first"] },
    { role: "assistant", content: ["a"] },
    { role: "user", content: ["see", { kind: "image", sha256: "0" }, "this"] },
  ];
  expect(lastPrompt({ key: "k", provider: "p", model: "m", seed: "1", text: "", messages })).toBe(
    "see\nthis",
  );
});

test("seeds go up from the first, eight at most; without one there is one answer", () => {
  expect(seedsOf({ seed: "5", count: "3" })).toEqual(["5", "6", "7"]);
  expect(seedsOf({ seed: " 18446744073709551615", count: "2" })).toEqual([
    "18446744073709551615",
    "18446744073709551616",
  ]);
  expect(seedsOf({ seed: "1", count: "99" })).toHaveLength(8);
  expect(seedsOf({ seed: "", count: "3" })).toEqual([null]);
});

test("more settings are an object or an error", () => {
  expect(extra("")).toEqual({});
  expect(extra('{"stop": ["a"]}')).toEqual({ stop: ["a"] });
  for (const wrong of ["[1]", "1", "null", "{"]) expect(() => extra(wrong)).toThrow("JSON object");
});
