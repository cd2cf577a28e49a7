import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t } from "../i18n";
import { cut, visible } from "../visible";
import { AntiphonElement } from "./base";

/** Characters that are shown before "show all" is asked for. */
export const SHOWN = 20_000;
/** Characters of a block: the browser lays out one block anew when text is appended to it, not all of them. */
const BLOCK = 4_000; // from here on a line's end ends it,
const PATIENT = 6_000; // from here on a space does,
const MOST = 8_000; // and here it ends anyhow
/** Characters that are appended in one frame when all of a long text is asked for. */
const FRAME = 20_000;

/** Text from a model: never markup, its direction kept to itself, unseen characters shown, long texts cut until asked.
 *
 * Set `text`, or `add` pieces as they come: they reach the page once in a frame. `<antiphon-text>` holds the whole
 * text in `text` either way. Nothing here is a live region: say the beginning and the end elsewhere. */
@customElement("antiphon-text")
export class AntiphonText extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: block;
        contain: content;
      }

      .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        tab-size: 4;
      }

      .text > div {
        unicode-bidi: plaintext;
        contain: content;
        content-visibility: auto;
        contain-intrinsic-block-size: auto 20em;
      }

      .text > div:last-child {
        content-visibility: visible;
      }
    `,
  ];

  /** How much is shown before the reader asks for all. */
  @property({ type: Number }) limit = SHOWN;
  @state() private hidden_ = 0;

  private pieces: string[] = [];
  private length = 0;
  private whole = "";
  private drawn = 0; // characters of the text that stand on the page
  private all = false;
  private frame = 0;

  get text(): string {
    if (this.pieces.length) {
      this.whole += this.pieces.join("");
      this.pieces = [];
    }
    return this.whole;
  }

  @property({ attribute: false })
  set text(text: string) {
    if (text === this.text) return;
    this.whole = text;
    this.pieces = [];
    this.length = text.length;
    this.drawn = 0;
    this.all = false;
    this.shadowRoot?.querySelector(".text")?.replaceChildren();
    this.schedule();
  }

  /** More of the text. */
  add(piece: string): void {
    if (!piece) return;
    this.pieces.push(piece);
    this.length += piece.length;
    this.schedule();
  }

  /** Shows what is left, some in each frame. */
  showAll = (): void => {
    this.all = true;
    this.schedule();
  };

  override firstUpdated(): void {
    this.draw();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.schedule();
  }

  private schedule(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const target = this.shadowRoot?.querySelector(".text");
    if (!target) return;
    const end = this.all ? this.length : Math.min(this.length, this.limit);
    const text = end > this.drawn ? this.text : "";
    const upTo = text ? cut(text, Math.min(end, this.drawn + FRAME)) : this.drawn;
    if (upTo > this.drawn) {
      put(target, visible(text.slice(this.drawn, upTo)));
      this.drawn = upTo;
      if (this.all && this.drawn < this.length) this.schedule();
    }
    this.hidden_ = this.all ? 0 : this.length - this.drawn;
  }

  override render() {
    return html`<div class="text" part="text"></div>
      ${
        this.hidden_ > 0
          ? html`<button type="button" @click=${this.showAll}>${t("show_all", { n: this.hidden_ })}</button>`
          : nothing
      }`;
  }
}

/** Appends to the last block, and begins new ones where it is full: best at a line's end, else at a space, and anywhere
 * in a line without either. */
function put(target: Element, text: string): void {
  let rest = text;
  while (rest) {
    let block = target.lastElementChild as HTMLElement | null;
    let node = block?.firstChild as Text | null;
    if (!block || !node || full(node.data)) {
      block = document.createElement("div");
      node = document.createTextNode("");
      block.append(node);
      target.append(block);
    }
    const end = room(node.data.length, rest);
    node.appendData(rest.slice(0, end));
    rest = rest.slice(end);
  }
}

function full(data: string): boolean {
  const { length } = data;
  const last = data[length - 1];
  return (length >= BLOCK && last === "\n") || (length >= PATIENT && last === " ") || length >= MOST - 1;
}

/** How much of `rest` still goes into a block that holds `used` characters. */
function room(used: number, rest: string): number {
  const most = MOST - used;
  const newline = after(rest, "\n", BLOCK - used);
  if (newline && newline <= most) return newline;
  const space = after(rest, " ", PATIENT - used);
  if (space && space <= most) return space;
  return cut(rest, Math.min(most, rest.length)) || rest.length;
}

/** Behind the first `mark` that makes the piece at least `least` long; 0 where there is none. */
function after(text: string, mark: string, least: number): number {
  return text.indexOf(mark, Math.max(0, least - 1)) + 1;
}
