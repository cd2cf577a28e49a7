/** What is worth saying about an answer, in the reader's words. */

import type { Entry, MediaInfo, MessageInfo, Part } from "./api";
import { type Key, money, t } from "./i18n";

export interface Tokens {
  input: number | null;
  output: number | null;
}

export function tokens(entry: Partial<Entry>): Tokens {
  return {
    input: entry.usage?.input_tokens ?? entry.input_tokens ?? null,
    output: entry.usage?.output_tokens ?? entry.output_tokens ?? null,
  };
}

/** Tokens, cost, time, seed, and how it ended where that was not the usual way. `seconds` as measured here. */
export function facts(entry: Partial<Entry>, seconds: number | null = entry.seconds ?? null): string[] {
  const { input, output } = tokens(entry);
  const counted = input !== null || output !== null;
  return [
    counted ? t("tokens_in_out", { input: input ?? "?", output: output ?? "?" }) : "",
    entry.cost === null || entry.cost === undefined ? "" : money(entry.cost),
    seconds === null ? "" : t("seconds", { n: seconds.toFixed(seconds < 10 ? 1 : 0) }),
    seedWords(entry),
    ended(entry.finish_reason),
  ].filter(Boolean);
}

/** What became of the seed; a replay says so instead. */
export function seedWords(entry: Partial<Entry>): string {
  if (entry.replayed === true) return t("seed_replayed", { seed: seed(entry) });
  if (entry.seed_status === "sent") return t("seed_sent", { seed: seed(entry) });
  if (entry.seed_status === "unsupported") return t("seed_unsupported", { seed: seed(entry) });
  return entry.seed === null || entry.seed === undefined
    ? t("seed_none")
    : t("seed_is", { seed: seed(entry) });
}

function seed(entry: Partial<Entry>): string {
  return entry.seed ?? "–"; // a seed is a name: no thousands separators
}

const ENDINGS: Record<string, Key> = {
  length: "ended_length",
  content_filter: "ended_filter",
  refusal: "ended_refusal",
  error: "ended_error",
};

/** How the answer ended; empty for the usual way. */
export function ended(reason: string | null | undefined): string {
  const key = reason ? ENDINGS[reason] : undefined;
  return key ? t(key) : "";
}

/** The parts of a message: texts and media. */
export function parts(message: MessageInfo): Part[] {
  const content = message.parts ?? message.content ?? [];
  return typeof content === "string" ? [content] : content;
}

/** The text of a part, or null for a medium. */
export function textOf(part: Part): string | null {
  return typeof part === "string" ? part : (part.text ?? null);
}

export function mediaOf(entry: Entry): MediaInfo[] {
  return entry.images ?? (Array.isArray(entry.media) ? entry.media : []);
}

/** All that the user said last, as one text. */
export function lastPrompt(entry: Entry): string {
  const last = entry.messages?.findLast(message => message.role === "user");
  if (!last) return entry.prompt ?? "";
  return parts(last)
    .map(part => textOf(part) ?? "")
    .filter(Boolean)
    .join("\n");
}
