import { html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { copy } from "../copy";
import { t } from "../i18n";
import { AntiphonElement } from "./base";

/** A button that copies `text()`, and says that it has. */
@customElement("antiphon-copy")
export class AntiphonCopy extends AntiphonElement {
  @property({ attribute: false }) text: () => string = () => "";
  @state() private done: boolean | null = null;

  private readonly copied = async () => {
    this.done = await copy(this.text());
    setTimeout(() => {
      this.done = null;
    }, 2000);
  };

  override render() {
    const words = this.done === null ? "" : this.done ? t("copied") : t("copy_failed");
    return html`<button type="button" @click=${this.copied}>${words || t("copy")}</button>
      <span class="unseen" role="status">${words}</span>`;
  }
}
