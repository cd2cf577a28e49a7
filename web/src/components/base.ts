import { type CSSResultGroup, LitElement } from "lit";
import { property } from "lit/decorators.js";
import { Api, ApiError } from "../api";
import { Translated, t } from "../i18n";
import { basics, tokens } from "../theme";

/** What every component has: the way to the server, the language, the look. */
export class AntiphonElement extends LitElement {
  static override styles: CSSResultGroup = [tokens, basics];

  @property({ attribute: false }) api = new Api();

  constructor() {
    super();
    new Translated(this);
  }

  /** The error in words; whoever pairs is told where it was for want of a pairing. */
  protected failed(error: unknown): string {
    if (error instanceof ApiError && error.status === 401) this.tell("antiphon-denied", error);
    return words(error);
  }

  /** Tells whoever holds this component. Crosses shadow roots. */
  protected tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** An error in words for the reader; nothing where something was only given up. */
export function words(error: unknown): string {
  if (error instanceof DOMException && error.name === "AbortError") return "";
  if (error instanceof ApiError) {
    if (error.kind === "unreachable") return t("unreachable");
    return [error.message, error.hint].filter(Boolean).join("\n");
  }
  return error instanceof Error ? error.message : String(error);
}
