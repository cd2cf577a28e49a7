import { html } from "lit";
import { customElement } from "lit/decorators.js";
import { AntiphonElement } from "./base";

/** The page of `antiphon ui`. */
@customElement("antiphon-app")
export class AntiphonApp extends AntiphonElement {
  override render() {
    return html`<antiphon-text .text=${"Antiphon"}></antiphon-text>`;
  }
}
