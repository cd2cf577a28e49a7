import { beforeEach, describe, expect, it } from "vitest";
import { Answers, KEPT, last, type Told } from "../../src/comfyui/answers";

const piece = (text: string, at: number, reasoning = "", from = 0): Told => ({
  prompt_id: "p",
  node: "3",
  pieces: [{ item: 0, at: { text: at, reasoning: from }, text, reasoning }],
});
const done = (text: string, key = "k1"): Told => ({
  prompt_id: "p",
  node: "3",
  pieces: [{ item: 0, done: true, text, reasoning: "", facts: { key, seed: "1" }, notes: [] }],
});
const only = (answers: Answers) => answers.nodes.get("3")?.answers[0];

beforeEach(() => sessionStorage.clear());

describe("answers", () => {
  it("are put together from pieces that fit", () => {
    const answers = new Answers("g", sessionStorage);
    expect(answers.take(piece("a cat", 0, "hm", 0), "K")).toBe(true);
    expect(answers.take(piece(" 🐈", 5, "", 2), "K")).toBe(true);
    expect(answers.take(piece("!", 8, "", 2), "K")).toBe(true); // the cat counts twice
    expect(only(answers)).toMatchObject({ text: "a cat 🐈!", reasoning: "hm", phase: "growing" });
  });

  it("notice a piece that is missing, and take all of it afterwards", () => {
    const answers = new Answers("g", sessionStorage);
    answers.take(piece("one", 0), "K");
    expect(answers.take(piece(" three", 7), "K")).toBe(false);
    expect(only(answers)?.text).toBe("one");
    const whole = {
      prompt_id: "p",
      node: "3",
      pieces: [{ item: 0, whole: true, text: "one two three", reasoning: "" }],
    };
    expect(answers.take(whole, "K")).toBe(true);
    expect(only(answers)).toMatchObject({ text: "one two three", phase: "growing" });
  });

  it("begin anew with another prompt, and keep no piece that comes late", () => {
    const answers = new Answers("g", sessionStorage);
    answers.take(done("old"), "K");
    answers.take(piece("late", 0), "K");
    expect(only(answers)?.text).toBe("old");
    answers.take({ ...piece("new", 0), prompt_id: "q" }, "K");
    expect(only(answers)?.text).toBe("new");
  });

  it("are not cut by the node's output, which keeps less, but take its notes", () => {
    const answers = new Answers("g", sessionStorage);
    answers.take(done("a long text"), "K");
    const kept = {
      item: 0,
      done: true,
      text: "a long",
      facts: { key: "k1" },
      notes: ["a picture was left out"],
      cut: true,
    };
    answers.output("3", "p", "K", [kept]);
    expect(only(answers)).toMatchObject({
      text: "a long text",
      notes: ["a picture was left out"],
      cut: false,
    });
  });

  it("end with an interrupt or an error, only where they still grow", () => {
    const answers = new Answers("g", sessionStorage);
    answers.take(piece("half", 0), "K");
    answers.take({ ...done("whole"), node: "4" }, "K");
    expect(answers.end("p", "interrupted")).toEqual(["3"]);
    expect(only(answers)?.phase).toBe("interrupted");
    expect(answers.nodes.get("4")?.answers[0]?.phase).toBe("done");
  });

  it("are there after a reload, capped, and for their own workflow only", () => {
    const answers = new Answers("g", sessionStorage);
    answers.take(done("x".repeat(KEPT + 1)), "K");
    answers.keep();
    expect(last(sessionStorage)).toBe("g");
    const again = new Answers("g", sessionStorage);
    expect(only(again)).toMatchObject({ text: "x".repeat(KEPT), cut: true });
    expect(new Answers("other", sessionStorage).nodes.size).toBe(0);
  });

  it("survive what stands in the storage of somebody else", () => {
    sessionStorage.setItem("antiphon.answers:g", "{nonsense");
    expect(new Answers("g", sessionStorage).nodes.size).toBe(0);
    expect(new Answers("g", undefined).nodes.size).toBe(0);
  });
});
