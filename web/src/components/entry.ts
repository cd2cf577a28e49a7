import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Entry, MessageInfo } from "../api";
import { parts, textOf } from "../facts";
import { type Key, moment, t } from "../i18n";
import { line, visible } from "../visible";
import type { AntiphonAnswer } from "./answer";
import { AntiphonElement } from "./base";
import { said } from "./compare";
import "./answer";
import "./copy";
import "./media";

const ROLES: Record<string, Key> = { system: "role_system", user: "role_user", assistant: "role_assistant" };

/** Everything about one recording, and what can be done with it.
 *
 * Tells `antiphon-use-text` ({ text, key }), `antiphon-open-workflow` ({ key, workflow }), `antiphon-rerun` (the new
 * completion), `antiphon-pin` ({ key, pinned }) and `antiphon-delete` ({ keys }). */
@customElement("antiphon-entry")
export class AntiphonEntry extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 14px;
        align-content: start;
        min-width: 0;
      }

      section {
        display: grid;
        gap: 6px;
      }

      .box {
        padding: 10px 12px;
        border: 1px solid var(--a-line);
        border-radius: 8px;
        min-width: 0;
      }

      .box.user,
      .box.system {
        background: var(--a-raised);
      }

      .message {
        display: grid;
        gap: 4px;
      }

      h2 {
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) key: string | null = null;
  /** Whether the host takes texts, and opens workflows. */
  @property({ type: Boolean, attribute: "use-text" }) usesText = false;
  @property({ type: Boolean, attribute: "open-workflow" }) opensWorkflow = false;
  @state() private entry: Entry | null = null;
  @state() private problem = "";
  @state() private seed: string | null = null; // of the re-run that is shown
  @state() private running = false;
  @query("antiphon-answer.again") private readonly again!: AntiphonAnswer | null;
  @query("h2") private readonly heading!: HTMLElement | null;
  private control: AbortController | null = null;

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("key")) void this.load();
  }

  override focus(): void {
    this.heading?.focus();
  }

  private async load(): Promise<void> {
    this.control?.abort();
    this.again?.stop();
    Object.assign(this, { entry: null, problem: "", seed: null, running: false });
    if (!this.key) return;
    const control = new AbortController();
    const { signal } = control;
    this.control = control;
    try {
      const entry = await this.api.entry(this.key, signal);
      if (!signal.aborted) this.entry = entry;
    } catch (error) {
      if (!signal.aborted) this.problem = this.failed(error);
    }
  }

  private readonly openWorkflow = async () => {
    const key = this.key!;
    try {
      this.tell("antiphon-open-workflow", { key, workflow: await this.api.workflow(key) });
    } catch (error) {
      this.problem = this.failed(error);
    }
  };

  private readonly rerun = async () => {
    const { entry } = this;
    if (!entry?.key) return;
    const seed = after(this.seed ?? entry.seed);
    this.seed = seed;
    this.running = true;
    await this.updateComplete;
    const completion = await this.again?.ask({ again: entry.key, seed });
    this.running = false;
    if (completion) this.tell("antiphon-rerun", completion);
  };

  private readonly pin = async () => {
    const { entry } = this;
    if (!entry?.key) return;
    const pinned = !entry.pinned;
    try {
      await this.api.pin(entry.key, pinned);
      this.entry = { ...entry, pinned };
      this.tell("antiphon-pin", { key: entry.key, pinned });
    } catch (error) {
      this.problem = this.failed(error);
    }
  };

  override render() {
    const problem = this.problem || this.entry?.problem || "";
    return html`${problem ? html`<p class="problem foreign" role="alert">${visible(problem)}</p>` : nothing}
      ${this.entry ? this.renderEntry(this.entry) : problem ? nothing : html`<p class="quiet" role="status">${t("loading")}</p>`}`;
  }

  private renderEntry(entry: Entry) {
    return html`<header>
        <h2 class="foreign" tabindex="-1">${line(`${entry.provider} / ${entry.model}`)}</h2>
        <p class="quiet">${this.told(entry)}</p>
      </header>
      ${this.renderButtons(entry)} ${this.renderAgain()}
      <section aria-labelledby="answer">
        <h3 id="answer">${t("answer")}</h3>
        <antiphon-answer class="box" .api=${this.api} .entry=${entry}></antiphon-answer>
      </section>
      <section aria-labelledby="messages">
        <h3 id="messages">${t("messages")}</h3>
        ${(entry.messages ?? []).map(message => this.renderMessage(message))}
      </section>
      ${this.renderSettings(entry)} ${this.renderSent(entry)}`;
  }

  private told(entry: Entry): string {
    const replayed = Number(entry.replayed ?? 0);
    return [
      entry.recorded_at ? t("recorded_at", { when: moment(entry.recorded_at) }) : "",
      replayed ? t("replayed_times", { n: replayed }) : t("never_replayed"),
      replayed && entry.replayed_at ? t("replayed_last", { when: moment(entry.replayed_at) }) : "",
    ]
      .filter(Boolean)
      .join(" · ");
  }

  private renderButtons(entry: Entry) {
    const use = () => this.tell("antiphon-use-text", { text: entry.text ?? "", key: entry.key });
    const remove = () => this.tell("antiphon-delete", { keys: [entry.key] });
    const next = after(this.seed ?? entry.seed);
    return html`<div class="row" role="group" aria-label=${t("actions")}>
      ${this.usesText ? html`<button type="button" class="first" @click=${use}>${t("use_text")}</button>` : nothing}
      ${
        this.running
          ? html`<button type="button" @click=${() => this.again?.stop()}>${t("stop")}</button>`
          : html`<button type="button" @click=${this.rerun}>${t("rerun", { seed: next })}</button>`
      }
      ${
        this.opensWorkflow && entry.workflow
          ? html`<button type="button" @click=${this.openWorkflow}>${t("open_workflow")}</button>`
          : nothing
      }
      <button type="button" aria-pressed=${entry.pinned ? "true" : "false"} @click=${this.pin}>
        ${entry.pinned ? t("pinned") : t("pin")}
      </button>
      <button type="button" class="danger" @click=${remove}>${t("delete")}</button>
    </div>`;
  }

  private renderAgain() {
    const label = this.seed === null ? "" : t("seed_is", { seed: this.seed });
    return html`<section aria-labelledby="again" ?hidden=${this.seed === null}>
      <h3 id="again">${label}</h3>
      <antiphon-answer class="again box" .api=${this.api} label=${label}></antiphon-answer>
    </section>`;
  }

  private renderMessage(message: MessageInfo) {
    const role = ROLES[message.role];
    return html`<div class="message box ${role ? message.role : ""}">
      <p class="quiet">${role ? t(role) : line(message.role)}</p>
      ${parts(message).map(part => {
        const text = textOf(part);
        return text !== null
          ? html`<antiphon-text limit="4000" .text=${text}></antiphon-text>`
          : html`<antiphon-media .api=${this.api} .recording=${this.key ?? ""} .medium=${part}></antiphon-media>`;
      })}
    </div>`;
  }

  private renderSettings(entry: Entry) {
    const settings = Object.entries(entry.config ?? {});
    const usage = Object.entries(entry.usage ?? {}).filter(
      ([, value]) => value !== null && (typeof value !== "object" || Object.keys(value as object).length),
    );
    return html`<section aria-labelledby="settings">
      <h3 id="settings">${t("settings")}</h3>
      ${settings.length ? table(t("settings"), settings) : html`<p class="quiet">${t("no_settings")}</p>`}
      ${usage.length ? html`<details><summary>${t("usage")}</summary>${table(t("usage"), usage)}</details>` : nothing}
    </section>`;
  }

  private renderSent(entry: Entry) {
    const technical = [
      ["key", entry.key ?? "–"] as const,
      ["finish_reason", entry.finish_reason ?? "–"] as const,
    ];
    return html`<details>
      <summary>${t("technical")}</summary>
      ${table(t("technical"), technical)}
      ${entry.sent ? html`<h3>${t("sent")}</h3><antiphon-text limit="4000" .text=${pretty(entry.sent)}></antiphon-text>` : nothing}
    </details>`;
  }
}

function table(name: string, rows: readonly (readonly [string, unknown])[]) {
  return html`<table>
    <caption class="unseen">${name}</caption>
    <tbody>
      ${rows.map(
        ([name, value]) =>
          html`<tr><th scope="row" class="foreign">${line(name)}</th><td class="foreign">${line(said(value))}</td></tr>`,
      )}
    </tbody>
  </table>`;
}

/** The body that was sent, laid out where it is JSON. */
function pretty(sent: unknown): string {
  if (typeof sent !== "string") return JSON.stringify(sent, null, 2);
  try {
    return JSON.stringify(JSON.parse(sent), null, 2);
  } catch {
    return sent;
  }
}

/** The next seed. */
function after(seed: string | null): string {
  return String(BigInt(seed ?? -1) + 1n);
}
