/** Text from elsewhere, made harmless to look at: what would not be seen, or would move other text, is a symbol. */

/** Kept as they are: tab and newline, and the joiners that scripts and emoji need (U+200C, U+200D). Shown: all other
control characters (Unicode's control pictures), marks and overrides of direction, invisible fillers, and tags. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** `text` with symbols for what could not be seen. A carriage return before a newline is dropped. */
export function visible(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(UNSEEN, symbol);
}

/** The same on one line, for lists and labels. */
export function line(text: string): string {
  return visible(text.replace(/\s+/g, " ").trim());
}

function symbol(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `⟦U+${code.toString(16).toUpperCase().padStart(4, "0")}⟧`;
}

/** Where to cut `text` at or before `at` without halving a character pair or a line end, of which more may come. */
export function cut(text: string, at: number): number {
  const last = text.charCodeAt(at - 1);
  return at > 0 && (last === 0x0d || (last >= 0xd800 && last <= 0xdbff)) ? at - 1 : at;
}
