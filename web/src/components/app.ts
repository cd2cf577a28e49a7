import { css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import type { ProviderInfo, State } from "../api";
import { download } from "../copy";
import { LANGUAGES, type Language, language, languageOf, setLanguage, t } from "../i18n";
import { AntiphonElement } from "./base";
import type { AntiphonPlayground } from "./playground";

const PAGES = ["history", "playground", "credentials"] as const;
type PageName = (typeof PAGES)[number];
const KEPT = "antiphon.language";

/** The page of `antiphon ui`: history, playground and credentials, after the pairing where one is asked for. */
@customElement("antiphon-app")
export class AntiphonApp extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        grid-template-rows: auto minmax(0, 1fr);
        height: 100%;
        background: var(--a-bg);
      }

      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 12px;
        padding: 6px 12px;
        border-bottom: 1px solid var(--a-line);
      }

      h1 {
        font-size: 1.05rem;
      }

      nav {
        display: flex;
        flex-wrap: wrap;
        gap: 2px;
        flex: 1;
      }

      nav a {
        padding: 6px 10px;
        border-radius: 6px;
        color: inherit;
        text-decoration: none;
      }

      nav a:hover {
        background: var(--a-raised);
      }

      nav a[aria-current="page"] {
        background: var(--a-chosen);
        box-shadow: inset 0 -2px var(--a-accent);
      }

      header select {
        width: auto !important;
      }

      @media (max-width: 480px) {
        h1 {
          flex: 1;
        }

        nav {
          order: 3;
          flex: 1 0 100%;
        }
      }

      main {
        min-height: 0;
        overflow: auto;
      }

      antiphon-credentials {
        max-width: 46rem;
        margin: 0 auto;
        padding: 16px;
      }
    `,
  ];

  @state() private known: State | null = null;
  @state() private at: PageName = pageOf(location.hash);
  @query("antiphon-playground") private readonly playground!: AntiphonPlayground | null;
  @query("main") private readonly main!: HTMLElement;

  private readonly moved = () => {
    this.at = pageOf(location.hash);
  };

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.moved);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.moved);
  }

  override updated(): void {
    document.documentElement.lang = language();
    document.title = `${t(this.at)} – Antiphon`;
  }

  private readonly allowed = async (event: CustomEvent<State>) => {
    if (this.known) {
      this.known = null; // paired anew: everything begins again
      await this.updateComplete;
    }
    this.known = event.detail;
    if (!kept() && event.detail.lang) setLanguage(languageOf(event.detail.lang));
  };

  private readonly languageChosen = (event: Event) => {
    const chosen = (event.target as HTMLSelectElement).value as Language;
    localStorage.setItem(KEPT, chosen);
    setLanguage(chosen);
  };

  private readonly useText = async (event: CustomEvent<{ text: string }>) => {
    location.hash = "#playground";
    this.at = "playground";
    await this.updateComplete;
    this.playground?.use(event.detail.text);
  };

  private readonly openWorkflow = ({ detail }: CustomEvent<{ key: string; workflow: unknown }>) => {
    const blob = new Blob([JSON.stringify(detail.workflow, null, 2)], { type: "application/json" });
    download(blob, `workflow-${detail.key.replace(/^.*:/, "").slice(0, 12)}.json`);
  };

  private readonly skip = (event: Event) => {
    event.preventDefault();
    this.main.focus();
  };

  override render() {
    return html`<header>
        <a class="unseen" href="#main" @click=${this.skip}>${t("skip")}</a>
        <h1>Antiphon</h1>
        <nav aria-label=${t("pages")}>
          ${PAGES.map(
            page =>
              html`<a href="#${page}" aria-current=${page === this.at ? "page" : "false"}>${t(page)}</a>`,
          )}
        </nav>
        <select aria-label=${t("language")} @change=${this.languageChosen}>
          ${(Object.keys(LANGUAGES) as Language[]).map(
            code =>
              html`<option value=${code} lang=${code} ?selected=${code === language()}>${LANGUAGES[code]}</option>`,
          )}
        </select>
      </header>
      <main tabindex="-1">
        <antiphon-pair .api=${this.api} @antiphon-allowed=${this.allowed}>
          ${this.known ? this.renderPage(this.known.providers ?? []) : nothing}
        </antiphon-pair>
      </main>`;
  }

  /** All three stay alive, so that a stream goes on while another page is looked at. */
  private renderPage(providers: readonly ProviderInfo[]) {
    return html`<antiphon-history
        ?hidden=${this.at !== "history"}
        .api=${this.api}
        .providers=${providers}
        use-text
        open-workflow
        @antiphon-use-text=${this.useText}
        @antiphon-open-workflow=${this.openWorkflow}
      ></antiphon-history>
      <antiphon-playground ?hidden=${this.at !== "playground"} .api=${this.api} .providers=${providers}></antiphon-playground>
      <antiphon-credentials
        ?hidden=${this.at !== "credentials"}
        .api=${this.api}
        .providers=${providers}
        @antiphon-credentials=${() => this.playground?.refresh()}
      ></antiphon-credentials>`;
  }
}

function kept(): string | null {
  return localStorage.getItem(KEPT);
}

function pageOf(hash: string): PageName {
  return PAGES.find(page => `#${page}` === hash) ?? "history";
}
