import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { ProviderInfo } from "../api";
import "../components";
import { AntiphonElement } from "../components/base";
import { word } from "./words";

/** A provider, its models, and the button that takes one. Tells `antiphon-picked` ({ model }). */
@customElement("antiphon-picker")
export class AntiphonPicker extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 12px;
        min-height: min(480px, 70dvh);
        grid-template-rows: auto 1fr auto; /* the list opens over the room in between */
      }

      antiphon-models {
        align-self: start;
      }

      button {
        justify-self: end;
      }
    `,
  ];

  @property({ attribute: false }) providers: readonly ProviderInfo[] = [];
  @property() provider = "";
  @property() credential = "";
  @property() baseUrl = "";
  @property() value = "";

  private readonly chosen = (event: Event) => {
    this.provider = (event.target as HTMLSelectElement).value;
    this.credential = "";
    this.baseUrl = "";
  };

  private readonly named = (event: CustomEvent<{ model: string }>) => {
    this.value = event.detail.model;
  };

  override render() {
    return html`<label>
        ${word("provider")}
        <select @change=${this.chosen}>
          <option value="" ?selected=${!this.provider}>–</option>
          ${this.providers.map(
            ({ name, title }) =>
              html`<option value=${name} ?selected=${name === this.provider}>${title || name}</option>`,
          )}
        </select>
      </label>
      <antiphon-models
        .api=${this.api}
        .provider=${this.provider}
        .credential=${this.credential}
        .baseUrl=${this.baseUrl}
        .value=${this.value}
        .label=${word("model")}
        @antiphon-model=${this.named}
      ></antiphon-models>
      <button type="button" class="first" @click=${() => this.tell("antiphon-picked", { model: this.value })}>
        ${word("useModel")}
      </button>`;
  }
}
