import { css, html, nothing } from "lit";
import { customElement, property, query, queryAll, state } from "lit/decorators.js";
import type { Ask, Credential, ProviderInfo } from "../api";
import { t } from "../i18n";
import { line, visible } from "../visible";
import "./answer";
import type { AntiphonAnswer } from "./answer";
import { AntiphonElement } from "./base";
import "./models";

const MOST = 8; // columns
/** Streams at a time: a browser opens six connections to a server, and one must be left for everything else. */
const AT_ONCE = 5;
const DRAFT = "antiphon.playground";

interface Draft {
  provider: string;
  model: string;
  credential: string;
  baseUrl: string;
  system: string;
  prompt: string;
  temperature: string;
  maxTokens: string;
  topP: string;
  reasoning: string;
  more: string;
  replay: string;
  seed: string;
  count: string;
}

const EMPTY: Draft = {
  provider: "",
  model: "",
  credential: "",
  baseUrl: "",
  system: "",
  prompt: "",
  temperature: "",
  maxTokens: "",
  topP: "",
  reasoning: "",
  more: "",
  replay: "auto",
  seed: "1",
  count: "1",
};

/** The numbers, and where they may be: the server says the same, and has the last word. */
const NUMBERS = [
  { field: "temperature", name: "temperature", min: 0, max: 2, step: "any" },
  { field: "maxTokens", name: "max_tokens", min: 1, max: 1_000_000, step: "1" },
  { field: "topP", name: "top_p", min: 0, max: 1, step: "any" },
] as const;

/** A prompt, a model, settings, and the answers to seeds one after another side by side as they come.
 *
 * Tells `antiphon-completion` for each answer. */
@customElement("antiphon-playground")
export class AntiphonPlayground extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: block;
        container-type: inline-size;
      }

      .frame {
        display: grid;
        grid-template-columns: minmax(280px, 380px) minmax(0, 1fr);
        gap: 20px;
        padding: 16px;
        align-items: start;
      }

      form {
        display: grid;
        gap: 10px;
      }

      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(110px, 1fr));
        gap: 10px;
        padding-top: 6px;
      }

      .wide {
        grid-column: 1 / -1;
      }

      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr));
        gap: 12px;
        align-items: start;
      }

      .column {
        display: grid;
        gap: 8px;
        padding: 10px 12px;
        border: 1px solid var(--a-line);
        border-radius: 8px;
        min-width: 0;
      }

      h2 {
        font-size: 0.95rem;
      }

      .mono {
        font-family: var(--a-mono);
        font-size: 0.85rem;
      }

      @container (max-width: 719px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
          padding: 12px;
        }
      }
    `,
  ];

  @property({ attribute: false }) providers: readonly ProviderInfo[] = [];
  @state() private draft: Draft = restored();
  @state() private credentials: readonly Credential[] = [];
  @state() private seeds: readonly (string | null)[] = [];
  @state() private running = 0;
  @state() private problem = "";
  @state() private said = "";
  @query("textarea[name=prompt]") private readonly promptField!: HTMLTextAreaElement;
  @query("form") private readonly form!: HTMLFormElement;
  @queryAll("antiphon-answer") private readonly answers!: NodeListOf<AntiphonAnswer>;
  private stopped = false;
  private readonly busy = new Set<number>();

  override connectedCallback(): void {
    super.connectedCallback();
    void this.refresh();
  }

  /** Asks again which credentials there are. */
  async refresh(): Promise<void> {
    try {
      this.credentials = await this.api.credentials();
    } catch (error) {
      this.problem = this.failed(error);
    }
  }

  /** Begins with this prompt. */
  use(prompt: string): void {
    this.write({ prompt });
    void this.updateComplete.then(() => this.promptField.focus());
  }

  private write(change: Partial<Draft>): void {
    this.draft = { ...this.draft, ...change };
    try {
      sessionStorage.setItem(DRAFT, JSON.stringify(this.draft));
    } catch {
      // full, or forbidden: then a reload forgets the draft
    }
  }

  private get provider(): ProviderInfo | undefined {
    return this.providers.find(({ name }) => name === this.chosenProvider);
  }

  private get chosenProvider(): string {
    // The first that answers without a key and by a model of its own: the page works at once.
    const usual = this.providers.find(one => one.keyless && one.default_model) ?? this.providers[0];
    return this.draft.provider || usual?.name || "";
  }

  /** The request without its seed; an Error says what is wrong in a field. */
  private asked(): Ask {
    const { draft } = this;
    const settings = { ...numbers(draft), ...extra(draft.more) };
    if (draft.reasoning) settings.reasoning = draft.reasoning;
    const model = draft.model || this.provider?.default_model || "";
    return {
      prompt: draft.prompt,
      provider: this.chosenProvider,
      ...(model ? { model } : {}),
      ...(draft.system ? { system: draft.system } : {}),
      ...(draft.credential ? { credential: draft.credential } : {}),
      ...(draft.baseUrl ? { base_url: draft.baseUrl } : {}),
      ...(Object.keys(settings).length ? { settings } : {}),
      ...(draft.replay !== "auto" ? { replay: draft.replay as NonNullable<Ask["replay"]> } : {}),
    };
  }

  private readonly submitted = async (event: Event) => {
    event.preventDefault();
    if (this.running) return;
    let ask: Ask;
    try {
      ask = this.asked();
    } catch (error) {
      this.problem = this.failed(error);
      return;
    }
    this.problem = "";
    this.stopped = false;
    this.seeds = seedsOf(this.draft);
    await this.run(ask);
  };

  /** Asks for all seeds, some at a time. */
  private async run(ask: Ask): Promise<void> {
    this.running = this.seeds.length;
    this.said = t("asking", { n: this.seeds.length });
    await this.updateComplete;
    for (const answer of this.answers) answer.begin();
    const waiting = [...this.seeds.entries()];
    const worker = async () => {
      for (let next = waiting.shift(); next && !this.stopped; next = waiting.shift())
        await this.column(ask, ...next);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.running = 0;
    this.said = this.stopped ? t("answer_stopped") : t("all_done");
  }

  private async column(ask: Ask, at: number, seed: string | null): Promise<void> {
    this.busy.add(at);
    this.requestUpdate();
    const completion = await this.answers[at]?.ask({ ...ask, seed });
    this.busy.delete(at);
    this.running = Math.max(0, this.running - 1);
    if (completion) this.tell("antiphon-completion", completion);
  }

  private readonly stop = () => {
    this.stopped = true;
    for (const answer of this.answers) answer.stop();
  };

  private readonly keyed = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.form.requestSubmit();
    }
  };

  private field(name: keyof Draft) {
    return (event: Event) => this.write({ [name]: (event.target as HTMLInputElement).value });
  }

  override render() {
    return html`<div class="frame">
      ${this.renderForm()}
      <section aria-label=${t("answers")}>
        ${
          this.seeds.length
            ? html`<div class="columns">${this.seeds.map((seed, at) => this.renderColumn(seed, at))}</div>`
            : html`<p class="quiet">${t("playground_empty")}</p>`
        }
      </section>
      <span class="unseen" role="status">${this.said}</span>
    </div>`;
  }

  private renderForm() {
    const { draft } = this;
    return html`<form @submit=${this.submitted} @keydown=${this.keyed}>
      <label>${t("provider")}
        <select @change=${(event: Event) => this.write({ provider: (event.target as HTMLSelectElement).value, model: "" })}>
          ${this.providers.map(
            ({ name, title }) =>
              html`<option value=${name} ?selected=${name === this.chosenProvider}>${line(title)}</option>`,
          )}
        </select>
      </label>
      <antiphon-models
        .api=${this.api}
        .provider=${this.chosenProvider}
        .credential=${draft.credential}
        .baseUrl=${draft.baseUrl}
        .value=${draft.model}
        .usual=${this.provider?.default_model ?? ""}
        @antiphon-model=${(event: CustomEvent<{ model: string }>) => this.write({ model: event.detail.model })}
      ></antiphon-models>
      ${this.provider?.needs_base_url ? this.renderAddress() : nothing}
      <label>${t("prompt")}
        <textarea name="prompt" rows="6" required dir="auto" .value=${draft.prompt} @input=${this.field("prompt")}></textarea>
      </label>
      <details ?open=${Boolean(draft.system)}>
        <summary class="quiet">${t("role_system")}</summary>
        <textarea rows="3" dir="auto" aria-label=${t("role_system")} .value=${draft.system} @input=${this.field("system")}></textarea>
      </details>
      ${this.renderSettings()}
      <div class="fields">
        <label>${t("first_seed")}
          <input inputmode="numeric" pattern="[0-9]*" .value=${draft.seed} @input=${this.field("seed")} />
        </label>
        <label>${t("seeds")}
          <input type="number" min="1" max=${MOST} required .value=${draft.count} @input=${this.field("count")} />
        </label>
      </div>
      ${this.problem ? html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : nothing}
      <div class="row">
        <button class="first" aria-disabled=${this.running ? "true" : "false"}>${t("ask")}</button>
        <button type="button" aria-disabled=${this.running ? "false" : "true"} @click=${this.stop}>${t("stop")}</button>
        <span class="quiet">${t("ask_keys")}</span>
      </div>
    </form>`;
  }

  /** Where to ask: in plain sight for providers that have no address of their own. */
  private renderAddress() {
    const needed = this.provider?.needs_base_url ?? false;
    return html`<label class="wide">${needed ? t("address") : t("base_url")}
      <input
        type="url"
        placeholder="http://localhost:8080/v1"
        ?required=${needed}
        .value=${this.draft.baseUrl}
        @change=${this.field("baseUrl")}
      />
    </label>`;
  }

  private renderSettings() {
    const { draft } = this;
    return html`<details>
      <summary class="quiet">${t("settings")}</summary>
      <div class="fields">
        ${NUMBERS.map(
          ({ field, name, min, max, step }) => html`<label>${t(`setting_${name}`)}
            <input type="number" min=${min} max=${max} step=${step} .value=${draft[field]} @input=${this.field(field)} />
          </label>`,
        )}
        <label>${t("reasoning")}
          <select @change=${this.field("reasoning")}>
            <option value="" ?selected=${!draft.reasoning}>–</option>
            ${["off", "low", "medium", "high"].map(
              level =>
                html`<option value=${level} ?selected=${level === draft.reasoning}>${t(`reasoning_${level as "off"}`)}</option>`,
            )}
          </select>
        </label>
        <label class="wide">${t("credential")}
          <select @change=${this.field("credential")}>
            <option value="" ?selected=${!draft.credential}>${t("credential_auto")}</option>
            ${this.credentials.map(
              ({ name }) =>
                html`<option value=${name} ?selected=${name === draft.credential}>${line(name)}</option>`,
            )}
          </select>
        </label>
        ${this.provider?.needs_base_url ? nothing : this.renderAddress()}
        <label class="wide">${t("store")}
          <select @change=${this.field("replay")}>
            ${(["auto", "refresh", "only", "off"] as const).map(
              mode =>
                html`<option value=${mode} ?selected=${mode === draft.replay}>${t(`replay_${mode}`)}</option>`,
            )}
          </select>
        </label>
        <label class="wide">${t("more_settings")}
          <textarea class="mono" rows="3" spellcheck="false" placeholder='{"stop": ["END"]}' .value=${draft.more} @input=${this.field("more")}></textarea>
        </label>
      </div>
    </details>`;
  }

  private renderColumn(seed: string | null, at: number) {
    const label = seed === null ? t("seed_none") : t("seed_is", { seed });
    const stop = () => this.answers[at]?.stop();
    return html`<section class="column" aria-label=${label}>
      <div class="row">
        <h2 class="grow">${label}</h2>
        ${
          this.busy.has(at)
            ? html`<button type="button" class="plain" aria-label=${t("stop_name", { name: label })} @click=${stop}>${t("stop")}</button>`
            : nothing
        }
      </div>
      <antiphon-answer .api=${this.api} label=${label}></antiphon-answer>
    </section>`;
  }
}

function restored(): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}") as Partial<Draft>;
    return { ...EMPTY, ...kept };
  } catch {
    return EMPTY;
  }
}

function numbers(draft: Draft): Record<string, unknown> {
  const given = NUMBERS.filter(({ field }) => draft[field].trim() !== "");
  return Object.fromEntries(given.map(({ field, name }) => [name, Number(draft[field])]));
}

/** The settings that were written as JSON. */
export function extra(text: string): Record<string, unknown> {
  if (!text.trim()) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(t("bad_json", { why: (error as Error).message }));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(t("bad_json", { why: "{…}" }));
  return value as Record<string, unknown>;
}

/** The seeds that are asked for; one answer without a seed where none is given. */
export function seedsOf({ seed, count }: { seed: string; count: string }): (string | null)[] {
  if (!seed.trim()) return [null];
  const first = BigInt(seed.trim());
  const n = Math.min(MOST, Math.max(1, Math.trunc(Number(count)) || 1));
  return Array.from({ length: n }, (_, at) => String(first + BigInt(at)));
}
