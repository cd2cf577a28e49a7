import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { ModelInfo, Models } from "../api";
import { moment, money, t } from "../i18n";
import { line, visible } from "../visible";
import { AntiphonElement } from "./base";

const SHOWN = 100; // models in the list; the rest is found by typing

/** A model's name, typed freely or picked from what the provider has.
 *
 * What is known without a network is offered at once; the provider is asked only by the button. Tells `antiphon-model`
 * ({ model }) on every change. */
@customElement("antiphon-models")
export class AntiphonModels extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 4px;
      }

      .row {
        flex-wrap: nowrap;
      }

      label {
        margin-bottom: 3px;
      }

      .row button {
        flex: none;
      }

      .picker {
        position: relative;
      }

      /* Over what follows: were it to push that down, closing it would move a button away from under a click. */
      .panel {
        position: absolute;
        z-index: 5;
        inset-inline: 0;
        top: calc(100% + 2px);
        box-shadow: 0 4px 14px rgb(0 0 0 / 30%);
        border: 1px solid var(--a-edge);
        border-radius: 6px;
        background: var(--a-bg);
      }

      .head {
        padding: 4px 8px;
        border-bottom: 1px solid var(--a-line);
      }

      [role="listbox"] {
        max-height: 280px;
        overflow: auto;
      }

      [role="option"] {
        display: grid;
        gap: 1px;
        padding: 5px 8px;
        cursor: pointer;
        overflow-wrap: anywhere;
      }

      [role="option"]:hover,
      [role="option"].active {
        background: var(--a-chosen);
      }

      [role="option"].active {
        box-shadow: inset 3px 0 var(--a-accent);
      }
    `,
  ];

  @property() provider = "";
  @property() credential = "";
  @property({ attribute: "base-url" }) baseUrl = "";
  @property() value = "";
  @property() label = "";
  /** What is used where no name is given. */
  @property() usual = "";
  @state() private listed: Models | null = null;
  @state() private open = false;
  @state() private active = -1;
  @state() private busy = false;
  @state() private problem = "";
  @state() private narrowed = false; // only once something was typed: all are shown to who opens the list
  @query("input") private readonly field!: HTMLInputElement;
  private control: AbortController | null = null;

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (["provider", "credential", "baseUrl"].some(name => changed.get(name) !== undefined)) {
      this.control?.abort();
      Object.assign(this, { listed: null, open: false, problem: "", busy: false });
    }
  }

  override focus(): void {
    this.field.focus();
  }

  /** What is known, or with `refresh` what the provider says now. */
  private async load(refresh: boolean): Promise<void> {
    if (!this.provider) return;
    this.control?.abort();
    const control = new AbortController();
    const { signal } = control;
    this.control = control;
    this.busy = true;
    try {
      const query = { provider: this.provider, credential: this.credential, base_url: this.baseUrl, refresh };
      const listed = await this.api.models(query, signal);
      if (!signal.aborted) Object.assign(this, { listed, problem: "" });
    } catch (error) {
      if (!signal.aborted) this.problem = this.failed(error);
    }
    if (!signal.aborted) this.busy = false;
  }

  private readonly refresh = async () => {
    if (!this.provider || this.busy) return;
    this.show();
    this.narrowed = false;
    await this.load(true);
    this.field.focus();
  };

  private show(): void {
    if (this.open) return;
    this.open = true;
    this.active = -1;
    this.narrowed = false;
    if (!this.listed && !this.busy) void this.load(false);
  }

  private get found(): ModelInfo[] {
    const words = this.narrowed ? this.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    return (this.listed?.models ?? []).filter(model => {
      const text = `${model.id} ${model.name ?? ""} ${(model.abilities ?? []).join(" ")}`.toLowerCase();
      return words.every(word => text.includes(word));
    });
  }

  private choose(model: string): void {
    this.value = model;
    this.open = false;
    this.tell("antiphon-model", { model });
  }

  private readonly typed = () => {
    this.show();
    this.narrowed = true;
    this.active = -1;
    this.value = this.field.value;
    this.tell("antiphon-model", { model: this.value.trim() });
  };

  private readonly keyed = (event: KeyboardEvent) => {
    const shown = Math.min(this.found.length, SHOWN);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : this.active < 0 ? shown : shown - 1;
      if (this.open && shown) this.active = (this.active + step) % shown;
      this.show();
      void this.updateComplete.then(() =>
        this.shadowRoot?.querySelector(".active")?.scrollIntoView({ block: "nearest" }),
      );
    } else if (event.key === "Enter" && this.open && this.active >= 0) {
      this.choose(this.found[this.active]!.id);
    } else if (event.key === "Escape" && this.open) {
      this.open = false;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private readonly left = (event: FocusEvent) => {
    const to = event.relatedTarget as Node | null;
    if (!to || !this.shadowRoot?.contains(to)) this.open = false;
  };

  override render() {
    const name = this.label || t("model");
    return html`<div class="picker" @focusout=${this.left}>
      <label for="field">${name}</label>
      <div class="row">
        <input
          id="field"
          role="combobox"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          aria-expanded=${this.open ? "true" : "false"}
          aria-controls="list"
          aria-autocomplete="list"
          aria-activedescendant=${this.open && this.active >= 0 ? `o${this.active}` : nothing}
          placeholder=${line(this.usual) || t("model_any")}
          .value=${this.value}
          @input=${this.typed}
          @click=${this.show}
          @keydown=${this.keyed}
        />
        <button type="button" aria-disabled=${!this.provider || this.busy ? "true" : "false"} @click=${this.refresh}>
          ${this.busy ? t("loading") : t("refresh_models")}
        </button>
      </div>
      ${this.problem ? html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : nothing}
      <div class="panel" ?hidden=${!this.open || !this.listed}>${this.renderList()}</div>
    </div>`;
  }

  private renderList() {
    const { found, listed } = this;
    const age = !listed
      ? ""
      : listed.known_only
        ? t("models_known")
        : t("models_listed", { when: moment(listed.listed_at) });
    const hidden = found.length - SHOWN;
    return html`<p class="head quiet" role="status">
        ${found.length ? t("models_found", { n: found.length }) : t("models_none")} · ${age}
        ${hidden > 0 ? t("models_hidden", { n: hidden }) : ""}
      </p>
      <div role="listbox" id="list" aria-label=${t("models")} @mousedown=${(event: Event) => event.preventDefault()}>
        ${found.slice(0, SHOWN).map((model, at) => this.renderModel(model, at))}
      </div>`;
  }

  private renderModel(model: ModelInfo, at: number) {
    const about = [
      model.context ? t("context", { n: model.context }) : "",
      model.price ? t("price", { input: money(model.price.input), output: money(model.price.output) }) : "",
      model.last_day ? t("last_day", { day: model.last_day }) : "",
    ].filter(Boolean);
    const can = [...(model.takes ?? []), ...(model.abilities ?? [])].filter(word => word !== "text");
    return html`<div
      role="option"
      id="o${at}"
      class=${at === this.active ? "active" : ""}
      aria-selected=${at === this.active ? "true" : "false"}
      @click=${() => this.choose(model.id)}
    >
      <span class="foreign">${line(model.id)}${
        model.name && model.name !== model.id
          ? html` <span class="quiet">${line(model.name)}</span>`
          : nothing
      }</span>
      ${about.length ? html`<span class="quiet">${about.join(" · ")}</span>` : nothing}
      ${can.length ? html`<span class="quiet foreign">${line([...new Set(can)].join(", "))}</span>` : nothing}
    </div>`;
  }
}
