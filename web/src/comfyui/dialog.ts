import { css, html } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { AntiphonElement } from "../components/base";
import { word } from "./words";

/** A window over ComfyUI's page. What is inside is its child; it is gone when it is closed. */
@customElement("antiphon-dialog")
export class AntiphonDialog extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      dialog {
        width: min(46rem, calc(100vw - 32px));
        max-width: none;
        max-height: calc(100dvh - 48px);
        overflow: auto;
      }

      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 8px;
        margin-bottom: 10px;
      }
    `,
  ];

  @property() heading = "";
  @query("dialog") private readonly dialog!: HTMLDialogElement;

  override firstUpdated(): void {
    this.dialog.showModal();
  }

  close(): void {
    this.dialog.close();
  }

  override render() {
    return html`<dialog aria-labelledby="heading" @close=${() => this.remove()}>
      <header>
        <h2 id="heading">${this.heading}</h2>
        <button type="button" @click=${() => this.close()}>${word("close")}</button>
      </header>
      <slot></slot>
    </dialog>`;
  }
}

const TYPED = ["keydown", "keyup", "keypress", "paste", "copy", "cut"];

/** Keeps what is typed in an element from ComfyUI, which takes letters for its shortcuts outside of its own fields. */
export function quieted<T extends HTMLElement>(element: T): T {
  for (const name of TYPED) element.addEventListener(name, event => event.stopPropagation());
  return element;
}

/** Opens a window with this inside. */
export function opened(heading: string, inside: HTMLElement): AntiphonDialog {
  const dialog = quieted(new AntiphonDialog());
  dialog.heading = heading;
  dialog.append(inside);
  document.body.append(dialog);
  return dialog;
}
