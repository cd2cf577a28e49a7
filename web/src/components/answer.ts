import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Again, Ask, Entry } from "../api";
import { facts, mediaOf } from "../facts";
import { t } from "../i18n";
import { line, visible } from "../visible";
import { AntiphonElement } from "./base";
import "./copy";
import "./media";
import type { AntiphonText } from "./text";

/** One answer: reasoning folded apart, text, status line and notes; finished (`entry`) or while it comes (`ask`).
 *
 * A screen reader hears the beginning and the end, not every piece. */
@customElement("antiphon-answer")
export class AntiphonAnswer extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 8px;
        align-content: start;
        min-width: 0;
      }

      .facts {
        font-variant-numeric: tabular-nums;
      }

      .facts > span + span::before {
        content: " · ";
      }

      .reasoning {
        padding-inline-start: 10px;
        border-inline-start: 3px solid var(--a-line);
        color: var(--a-quiet);
      }

      .notes li {
        padding-inline-start: 1em;
        text-indent: -1em;
      }

      .notes li::before {
        content: "– ";
      }
    `,
  ];

  @property({ attribute: false }) entry: Entry | null = null;
  /** Named in what a screen reader hears: "Seed 3". */
  @property() label = "";
  @property({ type: Boolean }) compact = false;
  @state() private phase: "idle" | "asked" | "coming" | "done" | "stopped" | "failed" = "idle";
  @state() private problem = "";
  @state() private seconds: number | null = null;
  @state() private thought = false;
  @query("antiphon-text.answer") private readonly answer!: AntiphonText;
  @query("antiphon-text.thoughts") private readonly thoughts!: AntiphonText;
  private control: AbortController | null = null;
  private clock = 0;

  get busy(): boolean {
    return this.phase === "asked" || this.phase === "coming";
  }

  get text(): string {
    return this.answer?.text ?? "";
  }

  /** Asks, shows what comes, and gives the completion; null where it failed or was stopped. */
  async ask(body: Ask | Again): Promise<Entry | null> {
    this.stop();
    await this.updateComplete;
    const control = new AbortController();
    this.control = control;
    this.begin();
    try {
      for await (const event of this.api.complete(body, control.signal)) {
        if (control.signal.aborted) break;
        if ("delta" in event) this.more(event.delta.text ?? "", event.delta.reasoning ?? "");
        else if ("completion" in event) return this.finish(event.completion);
        else if ("error" in event) throw problemOf(event.error);
      }
      if (!control.signal.aborted) throw new Error(t("cut_off"));
    } catch (error) {
      if (!control.signal.aborted) this.fail(this.failed(error));
    } finally {
      if (this.control === control) this.end();
    }
    return null;
  }

  /** Gives up what is coming. */
  stop(): void {
    if (!this.busy) return;
    this.control?.abort();
    this.phase = "stopped";
    this.end();
  }

  /** Before the first piece. */
  begin(): void {
    this.entry = null;
    this.problem = "";
    this.thought = false;
    this.answer.text = "";
    this.thoughts.text = "";
    this.phase = "asked";
    const began = performance.now();
    const tick = () => {
      this.seconds = (performance.now() - began) / 1000;
    };
    tick();
    clearInterval(this.clock);
    this.clock = window.setInterval(tick, 500);
  }

  /** A piece. */
  more(text: string, reasoning = ""): void {
    if (this.phase !== "coming") this.phase = "coming";
    if (reasoning) {
      this.thought = true;
      this.thoughts.add(reasoning);
    }
    this.answer.add(text);
  }

  /** The whole answer. */
  finish(entry: Entry): Entry {
    this.phase = "done";
    this.entry = entry;
    this.end();
    return entry;
  }

  fail(problem: string): void {
    this.phase = "failed";
    this.problem = problem;
    this.end();
  }

  private end(): void {
    clearInterval(this.clock);
    this.control = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
    this.end();
  }

  override updated(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has("entry") || !this.entry) return;
    this.answer.text = this.entry.text ?? "";
    this.thoughts.text = this.entry.reasoning ?? "";
    this.thought = Boolean(this.entry.reasoning);
  }

  /** What a screen reader hears: changes at the beginning and the end only. */
  private get said(): string {
    const label = this.label ? `${this.label}: ` : "";
    if (this.busy) return label + t("answer_coming");
    if (this.phase === "done") return label + t("answer_done");
    if (this.phase === "stopped") return label + t("answer_stopped");
    return "";
  }

  override render() {
    return html`<span class="unseen" role="status">${this.said}</span>
      ${this.problem ? html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : nothing}
      <details class="reasoning" ?hidden=${!this.thought}>
        <summary>${t("reasoning")}</summary>
        <antiphon-text class="thoughts"></antiphon-text>
      </details>
      <antiphon-text class="answer" aria-busy=${this.busy ? "true" : "false"}></antiphon-text>
      ${this.renderMedia()} ${this.renderNotes()} ${this.renderStatus()}`;
  }

  private renderMedia() {
    const { entry } = this;
    if (!entry) return nothing;
    const key = entry.key ?? "";
    return mediaOf(entry).map(
      medium => html`<antiphon-media .api=${this.api} .recording=${key} .medium=${medium}></antiphon-media>`,
    );
  }

  private renderNotes() {
    const notes = this.entry?.notes ?? [];
    if (!notes.length) return nothing;
    return html`<div>
      <h3 class="quiet">${t("notes")}</h3>
      <ul class="notes quiet">
        ${notes.map(note => html`<li class="foreign">${visible(note)}</li>`)}
      </ul>
    </div>`;
  }

  private renderStatus() {
    const measured = this.seconds;
    const told = this.entry
      ? facts(this.entry, measured ?? this.entry.seconds ?? null)
      : this.running(measured);
    if (!told.length && !this.entry) return nothing;
    return html`<div class="row">
      <p class="facts quiet grow">${told.map(fact => html`<span>${line(fact)}</span>`)}</p>
      ${this.entry && !this.compact ? html`<antiphon-copy .text=${() => this.entry?.text ?? ""}></antiphon-copy>` : nothing}
    </div>`;
  }

  private running(seconds: number | null): string[] {
    if (this.phase === "idle" || this.phase === "failed") return [];
    const words = { asked: t("waiting"), coming: t("writing"), stopped: t("answer_stopped"), done: "" }[
      this.phase
    ];
    return [words, seconds === null ? "" : t("seconds", { n: seconds.toFixed(1) })].filter(Boolean);
  }
}

function problemOf(error: { message: string; hint?: string | null }): Error {
  return new Error([error.message, error.hint].filter(Boolean).join("\n"));
}
