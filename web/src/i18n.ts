/** Words in the reader's language. `t("key", { n: 3 })`; a key that is not in words/en.ts is a type error. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { en } from "./words/en";
import { zh } from "./words/zh";

export type Key = keyof typeof en;
export type Words = Record<Key, string>;
export type Language = "en" | "zh";
export const LANGUAGES: Record<Language, string> = { en: "English", zh: "中文" };

const TABLES: Record<Language, Words> = { en, zh };
const changed = new EventTarget();
let current: Language = "en";

/** The language for a tag like `zh-CN`; English for all others. */
export function languageOf(tag: string | null | undefined): Language {
  return tag?.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function language(): Language {
  return current;
}

/** Switches every component on the page. */
export function setLanguage(next: Language): void {
  if (next === current) return;
  current = next;
  changed.dispatchEvent(new Event("change"));
}

/** The words of `key`, with `{name}` replaced by values. Where they are "one | many", `n` decides. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const [one = "", many = one] = TABLES[current][key].split(" | ");
  return (Number(values.n) === 1 ? one : many).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

/** Draws its host anew when the language changes. */
export class Translated implements ReactiveController {
  private readonly redraw = () => this.host.requestUpdate();

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostConnected(): void {
    changed.addEventListener("change", this.redraw);
  }

  hostDisconnected(): void {
    changed.removeEventListener("change", this.redraw);
  }
}

/** The reader's own form of the language, for numbers and times: en-GB writes dates as en-US does not. */
export function locale(): string {
  return navigator.languages.find(tag => languageOf(tag) === current && tag.startsWith(current)) ?? current;
}

export function number(value: number): string {
  return value.toLocaleString(locale());
}

/** US dollars, with as many digits as a small sum needs; an unknown cost is a dash, never zero. */
export function money(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const digits =
    value === 0 || Math.abs(value) >= 1 ? 2 : Math.min(8, 2 - Math.floor(Math.log10(Math.abs(value))));
  return `$${value.toLocaleString(locale(), { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}

/** Seconds since 1970 or an ISO time, as a date. */
export function asDate(value: number | string): Date {
  return new Date(typeof value === "number" ? value * 1000 : value);
}

export function moment(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return "";
  const date = asDate(value);
  const year = date.getFullYear() === new Date().getFullYear() ? {} : ({ year: "numeric" } as const);
  const format = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", ...year } as const;
  return date.toLocaleString(locale(), format);
}
