import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Entry } from "../api";
import { compared, type Piece } from "../diff";
import { lastPrompt, tokens } from "../facts";
import { language, moment, money, t } from "../i18n";
import { line, visible } from "../visible";
import { AntiphonElement } from "./base";

/** Two recordings side by side, with what differs marked: by colour, and by a line through or under it. */
@customElement("antiphon-compare")
export class AntiphonCompare extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 14px;
        align-content: start;
        container-type: inline-size;
      }

      .two {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 12px;
      }

      .side {
        padding: 8px 10px;
        border: 1px solid var(--a-line);
        border-radius: 6px;
        min-width: 0;
      }

      .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        unicode-bidi: plaintext;
        contain: content;
      }

      del,
      ins {
        border-radius: 2px;
        box-decoration-break: clone;
      }

      del {
        background: var(--a-gone);
        text-decoration: line-through;
      }

      ins {
        background: var(--a-come);
        text-decoration: underline;
      }

      tr.differs td {
        font-weight: 600;
      }

      th:first-child {
        width: 28%;
      }

      @container (max-width: 520px) {
        .two {
          grid-template-columns: minmax(0, 1fr);
        }

        table {
          font-size: 0.85rem;
        }

        th:first-child {
          width: 38%;
        }
      }
    `,
  ];

  @property({ attribute: false }) keys: readonly [string, string] | null = null;
  @state() private entries: readonly [Entry, Entry] | null = null;
  @state() private problem = "";
  private control: AbortController | null = null;

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("keys")) void this.load();
  }

  private async load(): Promise<void> {
    this.control?.abort();
    this.entries = null;
    this.problem = "";
    if (!this.keys) return;
    const control = new AbortController();
    const { signal } = control;
    this.control = control;
    try {
      const [left, right] = await Promise.all(this.keys.map(key => this.api.entry(key, signal)));
      if (!signal.aborted && left && right) this.entries = [left, right];
    } catch (error) {
      if (!signal.aborted) this.problem = this.failed(error);
    }
  }

  override render() {
    if (this.problem) return html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>`;
    if (!this.entries) return html`<p class="quiet" role="status">${t("loading")}</p>`;
    const [left, right] = this.entries;
    const prompts = [lastPrompt(left), lastPrompt(right)] as const;
    return html`<p class="quiet"><del>${t("only_left")}</del> · <ins>${t("only_right")}</ins></p>
      <section aria-labelledby="answers">
        <h3 id="answers">${t("answers")}</h3>
        ${this.renderTexts(left.text ?? "", right.text ?? "")}
      </section>
      <section aria-labelledby="prompts">
        <h3 id="prompts">${t("prompts")}</h3>
        ${prompts[0] === prompts[1] ? html`<p class="quiet">${t("same")}</p>` : this.renderTexts(...prompts)}
      </section>
      ${this.renderFacts(left, right)}`;
  }

  private renderTexts(left: string, right: string) {
    const found = compared(visible(left), visible(right), language());
    const same = left === right;
    return html`${same ? html`<p class="quiet">${t("same")}</p>` : nothing}
      ${found ? nothing : html`<p class="quiet">${t("too_different")}</p>`}
      <div class="two">
        ${this.renderSide(t("left"), found?.filter(piece => piece.left) ?? null, left, "left")}
        ${this.renderSide(t("right"), found?.filter(piece => piece.right) ?? null, right, "right")}
      </div>`;
  }

  private renderSide(name: string, pieces: Piece[] | null, text: string, side: "left" | "right") {
    const own = (piece: Piece) => (side === "left" ? !piece.right : !piece.left);
    return html`<div class="side" role="group" aria-label=${name}>
      ${
        pieces
          ? html`<div class="text">${pieces.map(piece =>
              own(piece)
                ? side === "left"
                  ? html`<del>${piece.text}</del>`
                  : html`<ins>${piece.text}</ins>`
                : piece.text,
            )}</div>`
          : html`<antiphon-text .text=${text}></antiphon-text>`
      }
    </div>`;
  }

  private renderFacts(left: Entry, right: Entry) {
    const rows = rowsOf(left, right);
    return html`<table>
      <caption class="unseen">${t("settings")}</caption>
      <thead><tr><th>${t("what")}</th><th>${t("left")}</th><th>${t("right")}</th></tr></thead>
      <tbody>
        ${rows.map(
          ([name, one, other]) => html`<tr class=${one === other ? "" : "differs"}>
            <th scope="row">${line(name)}${
              one === other
                ? nothing
                : html` <span title=${t("differs")} aria-label=${t("differs")} role="img">≠</span>`
            }</th>
            <td class="foreign">${line(one)}</td><td class="foreign">${line(other)}</td>
          </tr>`,
        )}
      </tbody>
    </table>`;
  }
}

/** What can be compared about two answers, beside their texts. */
export function rowsOf(left: Entry, right: Entry): [name: string, left: string, right: string][] {
  const both = (name: string, of: (entry: Entry) => string): [string, string, string] => [
    name,
    of(left),
    of(right),
  ];
  const settings = [
    ...new Set([...Object.keys(left.config ?? {}), ...Object.keys(right.config ?? {})]),
  ].sort();
  return [
    both(t("provider"), entry => entry.provider),
    both(t("model"), entry => entry.model),
    both(t("seed"), entry => entry.seed ?? "–"),
    ...settings.map(name => both(name, entry => said(entry.config?.[name]))),
    both(t("measure_tokens"), entry => {
      const { input, output } = tokens(entry);
      return `${input ?? "?"} + ${output ?? "?"}`;
    }),
    both(t("measure_cost"), entry => money(entry.cost)),
    both(t("recorded"), entry => moment(entry.recorded_at)),
  ];
}

/** A setting's value in one line. */
export function said(value: unknown): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
