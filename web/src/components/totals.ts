import { css, html, nothing, svg } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { DayTotal, ModelTotal, Totals } from "../api";
import { locale, money, number, t } from "../i18n";
import { line } from "../visible";
import { AntiphonElement } from "./base";

type Measure = "completions" | "tokens" | "cost";
const MEASURES: readonly Measure[] = ["completions", "tokens", "cost"];
const SPANS = [7, 30, 90] as const;
const HEIGHT = 72; // of the chart, in its own units
const STEP = 10; // of one day

function measured(total: Omit<DayTotal, "day">, measure: Measure): number {
  if (measure === "tokens") return total.input_tokens + total.output_tokens;
  return measure === "cost" ? (total.cost ?? 0) : total.completions;
}

/** Totals by day as bars and by model as a list, and both as tables. */
@customElement("antiphon-totals")
export class AntiphonTotals extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: grid;
        gap: 8px;
      }

      svg {
        display: block;
        width: 100%;
        height: 72px;
        border-bottom: 1px solid var(--a-edge);
      }

      rect.fresh {
        fill: var(--a-accent);
      }

      .ends {
        display: flex;
        justify-content: space-between;
      }

      select {
        width: auto !important;
      }

      .models {
        display: grid;
        gap: 6px;
      }

      .model {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0 12px;
      }

      svg.bar {
        grid-column: 1 / -1;
        height: 4px;
        border: 0;
      }

      .scroll {
        overflow-x: auto;
      }
    `,
  ];

  @state() private totals: Totals | null = null;
  @state() private problem = "";
  @state() private span: number = 30;
  @state() private measure: Measure = "completions";
  @property({ type: Boolean }) closed = false;

  override firstUpdated(): void {
    void this.load();
  }

  async load(): Promise<void> {
    try {
      const totals = await this.api.totals(this.span);
      const days = [...totals.days].sort((a, b) => a.day.localeCompare(b.day));
      this.totals = { days, models: totals.models };
      this.problem = "";
    } catch (error) {
      this.problem = this.failed(error);
    }
  }

  private say(value: number | null): string {
    return this.measure === "cost" ? money(value) : number(value ?? 0);
  }

  override render() {
    if (this.problem) return html`<p class="problem">${line(this.problem)}</p>`;
    return html`<div class="row">
        <h2 class="grow">${t("totals")}</h2>
        <select aria-label=${t("measure")} @change=${this.measureChosen}>
          ${MEASURES.map(
            measure =>
              html`<option value=${measure} ?selected=${measure === this.measure}>${t(`measure_${measure}`)}</option>`,
          )}
        </select>
        <select aria-label=${t("span")} @change=${this.spanChosen}>
          ${SPANS.map(
            days =>
              html`<option value=${days} ?selected=${days === this.span}>${t("last_days", { n: days })}</option>`,
          )}
        </select>
      </div>
      ${this.totals ? this.renderTotals(this.totals) : html`<p class="quiet">${t("loading")}</p>`}`;
  }

  private readonly measureChosen = (event: Event) => {
    this.measure = (event.target as HTMLSelectElement).value as Measure;
  };

  private readonly spanChosen = (event: Event) => {
    this.span = Number((event.target as HTMLSelectElement).value);
    void this.load();
  };

  private renderTotals({ days, models }: Totals) {
    const sum = this.sum(days);
    return html`<p>${t(`sum_${this.measure}`, { n: this.say(sum) })}
        ${this.measure === "cost" ? this.renderUnpriced(days) : nothing}
        <span class="quiet">${t("sum_replayed", { n: days.reduce((n, day) => n + day.replayed, 0) })}</span></p>
      ${this.renderBars(days, sum)}
      <div class="ends quiet" aria-hidden="true">
        <span>${shortDay(days[0]?.day)}</span><span>${shortDay(days.at(-1)?.day)}</span>
      </div>
      ${this.renderModels(models)} ${this.renderTables(days, models)}`;
  }

  /** Null where there are completions but no cost is known. */
  private sum(days: readonly DayTotal[]): number | null {
    if (this.measure === "cost" && days.every(day => day.cost === null) && days.some(day => day.completions))
      return null;
    return days.reduce((sum, day) => sum + measured(day, this.measure), 0);
  }

  private renderUnpriced(days: readonly DayTotal[]) {
    const unpriced = days.reduce((n, day) => n + (day.unpriced ?? 0), 0);
    return unpriced ? html`<span class="quiet">${t("unpriced", { n: unpriced })}</span>` : nothing;
  }

  private renderBars(days: readonly DayTotal[], sum: number | null) {
    const most = Math.max(...days.map(day => measured(day, this.measure)), 0) || 1;
    const bars = days.map((day, at) => {
      const value = measured(day, this.measure);
      const height = value ? Math.max(2, (value / most) * (HEIGHT - 2)) : 0;
      return svg`<rect class="fresh" x=${at * STEP + 1} y=${HEIGHT - height} width=${STEP - 2} height=${height}>
        <title>${day.day}: ${this.say(value)}</title></rect>`;
    });
    const label = t("chart_label", {
      n: days.length,
      what: t(`measure_${this.measure}`),
      sum: this.say(sum),
      most: this.say(most),
    });
    return html`<svg role="img" aria-label=${label} viewBox="0 0 ${Math.max(days.length, 1) * STEP} ${HEIGHT}"
      preserveAspectRatio="none">${bars}</svg>`;
  }

  private renderModels(models: readonly ModelTotal[]) {
    const sorted = [...models]
      .sort((a, b) => measured(b, this.measure) - measured(a, this.measure))
      .slice(0, 5);
    const most = Math.max(...sorted.map(model => measured(model, this.measure)), 0) || 1;
    return html`<ul class="models">
      ${sorted.map(
        model => html`<li class="model">
          <span class="foreign">${line(`${model.provider} / ${model.model}`)}</span>
          <span class="quiet">${this.measure === "cost" ? money(model.cost) : number(measured(model, this.measure))}</span>
          <svg class="bar" aria-hidden="true" viewBox="0 0 100 4" preserveAspectRatio="none">
            <rect class="fresh" height="4" width=${(measured(model, this.measure) / most) * 100}></rect>
          </svg>
        </li>`,
      )}
    </ul>`;
  }

  private renderTables(days: readonly DayTotal[], models: readonly ModelTotal[]) {
    const busy = days.filter(day => day.completions || day.replayed).reverse();
    return html`<details>
      <summary>${t("as_table")}</summary>
      <div class="scroll" tabindex="0" role="group" aria-label=${t("as_table")}>
        <table>
          <caption class="unseen">${t("by_day")}</caption>
          <thead><tr><th>${t("day")}</th>${headings()}</tr></thead>
          <tbody>${busy.map(day => html`<tr><th scope="row">${day.day}</th>${cells(day)}</tr>`)}</tbody>
        </table>
        <table>
          <caption class="unseen">${t("by_model")}</caption>
          <thead><tr><th>${t("model")}</th>${headings()}</tr></thead>
          <tbody>
            ${models.map(
              model =>
                html`<tr><th scope="row" class="foreign">${line(`${model.provider} / ${model.model}`)}</th>${cells(model)}</tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
  }
}

function headings() {
  return html`<th class="n">${t("measure_completions")}</th><th class="n">${t("replayed")}</th>
    <th class="n">${t("measure_tokens")}</th><th class="n">${t("measure_cost")}</th>`;
}

function cells(total: Omit<DayTotal, "day">) {
  return html`<td class="n">${number(total.completions)}</td><td class="n">${number(total.replayed)}</td>
    <td class="n">${number(total.input_tokens + total.output_tokens)}</td><td class="n">${money(total.cost)}</td>`;
}

function shortDay(day: string | undefined): string {
  if (!day) return "";
  return new Date(`${day}T12:00:00`).toLocaleDateString(locale(), { month: "short", day: "numeric" });
}
