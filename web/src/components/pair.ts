import { css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import type { State } from "../api";
import { t } from "../i18n";
import { visible } from "../visible";
import { AntiphonElement } from "./base";

/** Asks the server whether this page may ask it, and for the pairing code where it says so.
 *
 * Tells `antiphon-allowed` with the server's state when it may, then shows what is inside. A component inside that is
 * refused later (`antiphon-denied`: the server has been started anew) brings the question back. */
@customElement("antiphon-pair")
export class AntiphonPair extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: contents;
      }

      form,
      .wait {
        display: grid;
        gap: 12px;
        max-width: 26rem;
        margin: 0 auto;
        padding: 24px 16px;
        background: var(--a-bg);
      }

      input {
        font-family: var(--a-mono);
        font-size: 1.2rem !important;
        letter-spacing: 0.12em;
      }
    `,
  ];

  @state() private known: State | null = null;
  @state() private problem = "";
  @state() private busy = false;
  @query("input") private readonly field!: HTMLInputElement | null;

  constructor() {
    super();
    this.addEventListener("antiphon-denied", () => void this.check());
  }

  override firstUpdated(): void {
    void this.check();
  }

  /** Asks for the state anew. */
  async check(): Promise<void> {
    this.busy = true;
    try {
      this.known = await this.api.state();
      this.problem = "";
      if (this.known.allowed) this.tell("antiphon-allowed", this.known);
    } catch (error) {
      this.known = null;
      this.problem = this.failed(error);
    } finally {
      this.busy = false;
    }
    await this.updateComplete;
    this.field?.focus();
  }

  private readonly pair = async (event: Event) => {
    event.preventDefault();
    const code = this.field?.value.trim() ?? "";
    if (!code || this.busy) return;
    this.busy = true;
    try {
      await this.api.pair(code);
      await this.check();
    } catch (error) {
      this.problem = this.failed(error);
      this.field?.select();
    } finally {
      this.busy = false;
    }
  };

  override render() {
    const problem = this.problem
      ? html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>`
      : nothing;
    if (this.known?.allowed) return html`<slot></slot>`;
    if (!this.known)
      return html`<div class="wait">
        ${problem}
        ${
          this.problem
            ? html`<button type="button" @click=${() => this.check()}>${t("try_again")}</button>`
            : html`<p class="quiet" role="status">${t("loading")}</p>`
        }
      </div>`;
    return html`<form @submit=${this.pair}>
      <h2>${t("pair_title")}</h2>
      <p>${t("pair_why")}</p>
      <label>${t("pair_code")}
        <input autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required />
      </label>
      ${problem}
      <button class="first" aria-disabled=${this.busy ? "true" : "false"}>${t("pair_do")}</button>
    </form>`;
  }
}
