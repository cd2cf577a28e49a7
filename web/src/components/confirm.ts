import { css, html } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { t } from "../i18n";
import { AntiphonElement } from "./base";

export interface Question {
  title: string;
  /** One paragraph each: what is lost. */
  about: readonly string[];
  yes: string;
}

/** Asks before something is lost: `if (await confirm.ask({…})) …`. "No" has the focus, and Escape means it. */
@customElement("antiphon-confirm")
export class AntiphonConfirm extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      form {
        display: grid;
        gap: 12px;
      }

      .row {
        justify-content: flex-end;
      }

      p {
        overflow-wrap: anywhere;
      }
    `,
  ];

  @state() private question: Question | null = null;
  @query("dialog") private readonly dialog!: HTMLDialogElement;
  private settle: (yes: boolean) => void = () => {};

  async ask(question: Question): Promise<boolean> {
    this.settle(false);
    this.question = question;
    await this.updateComplete;
    this.dialog.returnValue = "";
    this.dialog.showModal();
    return new Promise(resolve => {
      this.settle = resolve;
    });
  }

  private readonly closed = () => {
    this.settle(this.dialog.returnValue === "yes");
    this.settle = () => {};
  };

  override render() {
    const { question } = this;
    return html`<dialog aria-labelledby="title" aria-describedby="about" @close=${this.closed}>
      <form method="dialog">
        <h2 id="title">${question?.title}</h2>
        <div id="about">${question?.about.map(text => html`<p>${text}</p>`)}</div>
        <div class="row">
          <button value="no" autofocus>${t("cancel")}</button>
          <button value="yes" class="danger">${question?.yes}</button>
        </div>
      </form>
    </dialog>`;
  }
}
