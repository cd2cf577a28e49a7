import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import "../components";
import type { AntiphonText } from "../components";
import { AntiphonElement } from "../components/base";
import { money } from "../i18n";
import { line, visible } from "../visible";
import type { Answer, Facts } from "./answers";
import { word } from "./words";

/** Answers of one node that are shown at a time: the last ones. */
const SHOWN = 50;

/** What a node has answered, growing. Set `answers` and call `changed` when something came. */
@customElement("antiphon-node-answer")
export class AntiphonNodeAnswer extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        --a-bg: var(--comfy-input-bg, light-dark(#ffffff, #222222));
        --a-fg: var(--input-text, light-dark(#1c1c1e, #dddddd));
        display: flex;
        flex-direction: column;
        min-height: 120px;
        max-height: 100%;
        height: 100%;
        overflow: hidden;
        border-radius: 6px;
        background: var(--a-bg);
        color: var(--a-fg);
        font-size: 12px;
        text-align: start;
        cursor: default;
        user-select: text;
      }

      :host([hidden]) {
        display: none;
      }

      .all {
        flex: 1 1 auto;
        min-height: 0;
        overflow: auto;
        overscroll-behavior: contain;
        padding: 6px 8px;
      }

      section + section {
        margin-top: 8px;
        border-top: 1px solid var(--a-line);
        padding-top: 6px;
      }

      section h3 {
        color: var(--a-quiet);
        font-size: 11px;
      }

      details {
        margin-bottom: 4px;
        color: var(--a-quiet);
      }

      footer {
        flex: none;
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 2px 4px 2px 8px;
        border-top: 1px solid var(--a-line);
        color: var(--a-quiet);
        font-size: 11px;
      }

      footer > span {
        flex: 1 1 auto;
        min-width: 0;
        overflow-wrap: anywhere;
      }

      button {
        min-height: 24px;
        padding: 0 8px;
        font-size: 11px;
      }

      .facts,
      li {
        color: var(--a-quiet);
        font-size: 11px;
        overflow-wrap: anywhere;
        unicode-bidi: isolate;
      }

      .waiting antiphon-text {
        opacity: 0.6;
      }
    `,
  ];

  @property({ attribute: false }) answers: readonly Answer[] = [];
  /** The node is asked, and nothing has come yet. */
  @property({ type: Boolean }) waiting = false;
  @state() private copied = "";

  private forCopied: ReturnType<typeof setTimeout> | undefined;

  /** Something came. */
  changed(answers: readonly Answer[]): void {
    this.answers = answers;
    this.requestUpdate();
  }

  protected override updated(): void {
    const all = this.renderRoot.querySelector(".all");
    if (!all) return;
    const below = all.scrollHeight - all.scrollTop - all.clientHeight < 24; // still where the text grows
    for (const answer of this.drawn) {
      const section = all.querySelector(`[data-item="${answer.item}"]`);
      brought(section?.querySelector<AntiphonText>("antiphon-text.words"), answer.text);
      brought(section?.querySelector<AntiphonText>("antiphon-text.thought"), answer.reasoning);
    }
    if (below && this.growing)
      requestAnimationFrame(() => requestAnimationFrame(() => all.scrollTo({ top: all.scrollHeight })));
  }

  private get growing(): boolean {
    return this.answers.some(({ phase }) => phase === "growing");
  }

  private get drawn(): readonly Answer[] {
    return this.answers.slice(-SHOWN);
  }

  override render() {
    const hidden = this.answers.length - this.drawn.length;
    const busy = this.growing || this.waiting;
    return html`
      <div class="all ${this.waiting ? "waiting" : ""}" role="region" aria-label=${word("answer")} aria-busy=${busy} tabindex="0"
        @wheel=${scrolled} @pointerdown=${kept} @keydown=${kept} @copy=${kept}>
        ${hidden > 0 ? html`<p class="quiet">${word("hidden", { n: hidden })}</p>` : nothing}
        ${this.drawn.map(answer => this.one(answer))}
      </div>
      <footer @pointerdown=${kept}>
        <span role="status">${this.status}</span>
        <button type="button" @click=${this.copy} ?disabled=${this.answers.length === 0}>
          ${this.copied || word("copy")}
        </button>
      </footer>`;
  }

  private one(answer: Answer) {
    const { reasoning, error, notes } = answer;
    const facts = this.answers.length > 1 ? said(answer.facts) : "";
    return html`<section data-item=${answer.item}>
      ${this.answers.length > 1 ? html`<h3>${word("answerN", { n: answer.item + 1 })}</h3>` : nothing}
      ${answer.phase === "interrupted" ? html`<p class="quiet">${word("interrupted")}</p>` : nothing}
      ${
        reasoning
          ? html`<details><summary>${word("reasoning", { n: reasoning.length })}</summary>
            <antiphon-text class="thought"></antiphon-text></details>`
          : nothing
      }
      <antiphon-text class="words"></antiphon-text>
      ${error ? html`<p class="problem" role="alert">${visible(error)}</p>` : nothing}
      ${answer.cut ? html`<p class="quiet">${word("cut")}</p>` : nothing}
      ${facts ? html`<p class="facts">${facts}</p>` : nothing}
      ${notes.length ? html`<ul>${notes.map(note => html`<li>${visible(note)}</li>`)}</ul>` : nothing}
    </section>`;
  }

  private get status(): string {
    if (this.waiting && !this.growing) return word("asking");
    if (this.growing) return word("growing");
    const [only, ...more] = this.answers;
    return only !== undefined && more.length === 0 ? said(only.facts) : "";
  }

  private readonly copy = async (): Promise<void> => {
    const text = this.answers.map(answer => answer.text).join("\n\n");
    this.copied = (await toClipboard(text)) ? word("copied") : word("notCopied");
    clearTimeout(this.forCopied);
    this.forCopied = setTimeout(() => {
      this.copied = "";
    }, 2500);
  };
}

/** Brings an element's text up to `text`: by what is new where it only grew. */
function brought(element: AntiphonText | null | undefined, text: string): void {
  if (!element) return;
  const there = lengths.get(element) ?? "";
  if (text.length > there.length && text.startsWith(there)) element.add(text.slice(there.length));
  else if (text !== there) element.text = text;
  lengths.set(element, text);
}

const lengths = new WeakMap<AntiphonText, string>();

/** Tokens, cost, time and seed on one line. */
export function said(facts: Facts): string {
  const { input_tokens, output_tokens, cost_usd, seconds, seed, finish_reason } = facts;
  return [
    facts.model ? line(facts.model) : "",
    input_tokens !== undefined && output_tokens !== undefined
      ? word("tokens", { in: input_tokens, out: output_tokens })
      : "",
    cost_usd ? money(cost_usd) : "",
    seconds !== undefined ? word("seconds", { n: seconds }) : "",
    facts.replayed ? word("replayed") : "",
    seed !== undefined ? word(SEEDS[facts.seed_status ?? ""] ?? "seedOther", { n: String(seed) }) : "",
    finish_reason && finish_reason !== "stop" ? word("ended", { reason: line(finish_reason) }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

const SEEDS: Record<string, "seedSent" | "seedUnsupported"> = {
  sent: "seedSent",
  unsupported: "seedUnsupported",
};

/** Whether the text is in the clipboard now. */
export async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

/** Where the page is served over plain HTTP, browsers have no clipboard but this. */
function copiedByHand(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.cssText = "position:fixed;opacity:0";
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
  }
}

/** The wheel turns the text where there is more of it, else the canvas. */
function scrolled(event: WheelEvent): void {
  const all = event.currentTarget as HTMLElement;
  if (!event.ctrlKey && all.scrollHeight > all.clientHeight) event.stopPropagation();
}

/** What is done in here is no business of the canvas. */
function kept(event: Event): void {
  event.stopPropagation();
}
