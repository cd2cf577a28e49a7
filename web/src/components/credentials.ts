import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Credential, ProviderInfo } from "../api";
import { t } from "../i18n";
import { line, visible } from "../visible";
import { AntiphonElement } from "./base";
import "./confirm";
import type { AntiphonConfirm } from "./confirm";

/** Keys by name and host: list, add, test, remove. A value goes to the server once and is forgotten here.
 *
 * Tells `antiphon-credentials` (the list) when it has changed. */
@customElement("antiphon-credentials")
export class AntiphonCredentials extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 16px;
        align-content: start;
      }

      li {
        display: grid;
        gap: 4px;
        padding: 10px 0;
        border-bottom: 1px solid var(--a-line);
      }

      form {
        display: grid;
        gap: 10px;
        padding: 12px;
        border: 1px solid var(--a-line);
        border-radius: 8px;
      }

      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 180px), 1fr));
        gap: 10px;
      }

      .test {
        width: auto !important;
        flex: 1 1 8rem;
        max-width: 14rem;
      }

      .good {
        color: var(--a-good);
      }

      .bad {
        color: var(--a-bad);
      }

      .name {
        font-weight: 600;
      }
    `,
  ];

  @property({ attribute: false }) providers: readonly ProviderInfo[] = [];
  @state() private list: readonly Credential[] | null = null;
  @state() private problem = "";
  @state() private said = "";
  @state() private busy = false;
  @state() private provider = "";
  @state() private tests: Readonly<Record<string, { ok: boolean; message: string } | "asked">> = {};
  @query("form") private readonly form!: HTMLFormElement;
  @query("antiphon-confirm") private readonly confirm!: AntiphonConfirm;

  override firstUpdated(): void {
    void this.load();
  }

  async load(): Promise<void> {
    try {
      this.list = await this.api.credentials();
      this.problem = "";
      this.tell("antiphon-credentials", this.list);
    } catch (error) {
      this.problem = this.failed(error);
    }
  }

  private readonly add = async (event: Event) => {
    event.preventDefault();
    if (this.busy) return;
    const data = new FormData(this.form);
    const said = (name: string) => String(data.get(name) ?? "").trim();
    const value = this.form.querySelector<HTMLInputElement>("[name=value]")!;
    const hosts = said("hosts")
      .split(/[\s,]+/)
      .filter(Boolean);
    const body = {
      name: said("name"),
      value: value.value.trim(),
      ...(this.provider ? { provider: this.provider } : {}),
      ...(hosts.length ? { hosts } : {}),
    };
    value.value = ""; // whatever happens: it does not stay on the page
    this.busy = true;
    try {
      await this.api.addCredential(body);
      this.form.reset();
      this.provider = "";
      this.said = t("key_added", { name: line(body.name) });
      await this.load();
    } catch (error) {
      this.problem = this.failed(error);
      value.focus();
    } finally {
      this.busy = false;
    }
  };

  private async test(credential: Credential, provider: string): Promise<void> {
    const { name } = credential;
    if (!provider || this.tests[name] === "asked") return;
    this.tests = { ...this.tests, [name]: "asked" };
    try {
      const result = await this.api.testCredential({ name, provider });
      this.tests = { ...this.tests, [name]: result };
    } catch (error) {
      this.tests = { ...this.tests, [name]: { ok: false, message: this.failed(error) } };
    }
  }

  private async discard({ name, hosts }: Credential): Promise<void> {
    const yes = await this.confirm.ask({
      title: t("key_remove_title", { name: line(name) }),
      about: [t("key_remove_lost", { hosts: line(hosts.join(", ")) })],
      yes: t("remove"),
    });
    if (!yes) return;
    try {
      await this.api.removeCredential(name);
      this.said = t("key_removed", { name: line(name) });
      await this.load();
      this.form.querySelector<HTMLElement>("input")?.focus();
    } catch (error) {
      this.problem = this.failed(error);
    }
  }

  override render() {
    return html`${this.problem ? html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : nothing}
      <section aria-labelledby="stored">
        <h2 id="stored">${t("credentials")}</h2>
        <p class="quiet">${t("credentials_about")}</p>
        ${this.renderList()}
      </section>
      ${this.renderForm()}
      <antiphon-confirm></antiphon-confirm>
      <span class="unseen" role="status">${this.said}</span>`;
  }

  private renderList() {
    if (!this.list) return this.problem ? nothing : html`<p class="quiet">${t("loading")}</p>`;
    if (!this.list.length) return html`<p>${t("no_credentials")}</p>`;
    return html`<ul role="list">${this.list.map(credential => this.renderOne(credential))}</ul>`;
  }

  private renderOne(credential: Credential) {
    const name = line(credential.name);
    const tested = this.tests[credential.name];
    const choices = this.testable(credential);
    const test = (event: Event) => {
      const row = (event.currentTarget as HTMLElement).closest("li")!;
      void this.test(credential, row.querySelector("select")?.value ?? choices[0]?.name ?? "");
    };
    return html`<li>
      <span class="name foreign">${name}</span>
      <span class="quiet foreign">${line(credential.hosts.join(", "))} · ${line(credential.source)}</span>
      <div class="row">
        ${
          choices.length > 1
            ? html`<select class="test" aria-label=${t("test_at", { name })}>
                ${choices.map(provider => html`<option value=${provider.name}>${line(provider.title)}</option>`)}
              </select>`
            : nothing
        }
        <button type="button" aria-disabled=${tested === "asked" || !choices.length ? "true" : "false"} aria-label=${t("test_name", { name })} @click=${test}>
          ${t("test")}
        </button>
        <button type="button" class="danger" aria-label=${t("remove_name", { name })} @click=${() => this.discard(credential)}>
          ${t("remove")}
        </button>
      </div>
      <p role="status" class=${tested && tested !== "asked" ? (tested.ok ? "good" : "bad") : "quiet"}>
        ${tested === "asked" ? t("testing") : tested ? testedWords(tested) : ""}
      </p>
    </li>`;
  }

  /** The providers that this key can be tried at: its own, those at its hosts, else all. */
  private testable(credential: Credential): readonly ProviderInfo[] {
    const own = this.providers.filter(
      provider =>
        provider.name === credential.provider || provider.hosts.some(host => credential.hosts.includes(host)),
    );
    return own.length ? own : this.providers.filter(provider => !provider.keyless);
  }

  private renderForm() {
    const chosen = this.providers.find(provider => provider.name === this.provider);
    return html`<form @submit=${this.add} autocomplete="off">
      <h3>${t("key_add")}</h3>
      <div class="fields">
        <label>${t("key_name")}<input name="name" required autocapitalize="none" spellcheck="false" /></label>
        <label>${t("provider")}
          <select @change=${(event: Event) => {
            this.provider = (event.target as HTMLSelectElement).value;
          }}>
            <option value="" ?selected=${!this.provider}>${t("key_own_host")}</option>
            ${this.providers
              .filter(provider => !provider.keyless)
              .map(
                provider =>
                  html`<option value=${provider.name} ?selected=${provider.name === this.provider}>${line(provider.title)}</option>`,
              )}
          </select>
        </label>
        ${
          chosen?.hosts.length
            ? nothing
            : html`<label>${t("key_hosts")}<input name="hosts" ?required=${!chosen} placeholder="api.example.com" autocapitalize="none" spellcheck="false" /></label>`
        }
        <label>${t("key_value")}
          <input name="value" type="password" required autocomplete="new-password" spellcheck="false" />
        </label>
      </div>
      ${chosen?.hosts.length ? html`<p class="quiet foreign">${t("key_goes", { hosts: line(chosen.hosts.join(", ")) })}</p>` : nothing}
      <div class="row"><button class="first" aria-disabled=${this.busy ? "true" : "false"}>${t("key_save")}</button></div>
    </form>`;
  }
}

function testedWords({ ok, message }: { ok: boolean; message: string }): string {
  const words = ok ? t("test_good") : t("test_bad");
  return message ? `${words}: ${visible(message)}` : words;
}
