/** What differs between two texts, word by word, in any language. */

import { diffArrays } from "diff";

export interface Piece {
  text: string;
  /** In the left text, in the right one; both where it is common. */
  left: boolean;
  right: boolean;
}

/** Characters of both texts together up to which words are compared, and up to which lines are. */
const WORDS = 60_000;
const LINES = 400_000;
const PATIENCE = { timeout: 400, maxEditLength: 3000 }; // milliseconds; edits

/** The pieces of both texts in order, or null where they are too long or too different to be compared. */
export function compared(left: string, right: string, language: string): Piece[] | null {
  if (left === right) return left ? [{ text: left, left: true, right: true }] : [];
  const size = left.length + right.length;
  return (
    (size <= WORDS ? pieces(words(left, language), words(right, language)) : null) ??
    (size <= LINES ? pieces(byLine(left), byLine(right)) : null)
  );
}

function pieces(left: string[], right: string[]): Piece[] | null {
  const changes = diffArrays(left, right, PATIENCE);
  return (
    changes?.map(({ value, added, removed }) => ({
      text: value.join(""),
      left: !added,
      right: !removed,
    })) ?? null
  );
}

/** Words as the language has them: Chinese has no spaces between its. */
function words(text: string, language: string): string[] {
  return Array.from(
    new Intl.Segmenter(language, { granularity: "word" }).segment(text),
    ({ segment }) => segment,
  );
}

function byLine(text: string): string[] {
  return text.split(/(?<=\n)/);
}
