import { css, html, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Item, Page, ProviderInfo, Query } from "../api";
import { download } from "../copy";
import { ended } from "../facts";
import { moment, money, number, t } from "../i18n";
import { line, visible } from "../visible";
import { AntiphonElement } from "./base";
import "./compare";
import "./confirm";
import type { AntiphonConfirm } from "./confirm";
import "./entry";
import type { AntiphonEntry } from "./entry";
import "./totals";
import type { AntiphonTotals } from "./totals";

const PAGE = 50; // items
const PATIENCE = 250; // milliseconds after the last key before a search is asked for
const SINCE = { any: 0, day: 1, week: 7, month: 30 } as const; // days

type View = { name: "none" } | { name: "entry"; key: string } | { name: "compare"; keys: [string, string] };

/** The history: a list to search and choose from, and beside it (or, where it is narrow, in its place) what was chosen.
 *
 * Passes on what `antiphon-entry` tells: `antiphon-use-text`, `antiphon-open-workflow`. */
@customElement("antiphon-history")
export class AntiphonHistory extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      :host {
        display: block;
        height: 100%;
        min-height: 0;
        container-type: inline-size;
        background: var(--a-bg);
      }

      .frame {
        display: grid;
        height: 100%;
        grid-template-columns: minmax(280px, 380px) minmax(0, 1fr);
        grid-template-rows: minmax(0, 1fr);
      }

      .list,
      .detail {
        min-height: 0;
        overflow: auto;
        padding: 12px;
      }

      .list {
        display: flex;
        flex-direction: column;
        gap: 10px;
        border-inline-end: 1px solid var(--a-line);
      }

      .detail {
        position: relative;
      }

      .detail > * + * {
        margin-top: 12px;
      }

      summary {
        margin-top: 6px;
      }

      .filters {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(120px, 1fr));
        gap: 8px;
        padding-top: 6px;
      }

      .filters .inline {
        grid-column: 1 / -1;
      }

      .chosen {
        position: sticky;
        top: -12px;
        z-index: 1;
        margin: 0 -12px;
        padding: 8px 12px;
        background: var(--a-raised);
        border-block: 1px solid var(--a-line);
      }

      li.item {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 4px 8px;
        align-items: start;
        padding: 6px 4px;
        border-bottom: 1px solid var(--a-line);
        content-visibility: auto;
        contain-intrinsic-block-size: auto 92px;
      }

      li.item.open {
        background: var(--a-chosen);
      }

      li.item input {
        margin: 7px 2px 0;
      }

      button.show {
        display: grid;
        gap: 2px;
        min-width: 0;
        padding: 2px 4px;
        border-color: transparent;
        background: none;
        text-align: start;
      }

      .prompt,
      .text {
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow: hidden;
        overflow-wrap: anywhere;
        unicode-bidi: isolate;
      }

      .prompt {
        font-weight: 600;
        -webkit-line-clamp: 1;
      }

      .meta {
        font-size: 0.8rem;
        color: var(--a-quiet);
        overflow-wrap: anywhere;
      }

      button.pin {
        min-width: 32px;
        padding: 4px;
      }

      button.pin svg {
        display: block;
        margin: auto;
        fill: none;
        stroke: currentColor;
        stroke-width: 1.5;
      }

      button.pin[aria-pressed="true"] svg {
        fill: currentColor;
      }

      .back {
        display: none;
      }

      .chart {
        padding-bottom: 12px;
      }

      @container (max-width: 719px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
        }

        .list {
          border: 0;
        }

        .frame:not([data-view="none"]) > .list,
        .frame[data-view="none"] > .detail {
          display: none;
        }

        .frame[data-view="none"][data-totals] > .list {
          display: none;
        }

        .frame[data-view="none"][data-totals] > .detail {
          display: block;
        }

        .back {
          display: inline-block;
        }
      }
    `,
  ];

  /** For the filter; those that turn up in the list are offered as well. */
  @property({ attribute: false }) providers: readonly ProviderInfo[] = [];
  @property({ type: Boolean, attribute: "use-text" }) usesText = false;
  @property({ type: Boolean, attribute: "open-workflow" }) opensWorkflow = false;

  @state() private items: readonly Item[] = [];
  @state() private page: Omit<Page, "items"> | null = null;
  @state() private problem = "";
  @state() private loading = false;
  @state() private selected: ReadonlySet<string> = new Set();
  @state() private view: View = { name: "none" };
  @state() private totalsShown = false;
  @state() private current = 0; // the row that Tab leads to
  @state() private said = "";
  @query("antiphon-confirm") private readonly confirm!: AntiphonConfirm;
  @query("antiphon-totals") private readonly totals!: AntiphonTotals | null;
  @query("antiphon-entry") private readonly entry!: AntiphonEntry | null;
  @query(".list") private readonly list!: HTMLElement;
  @query(".more") private readonly sentinel!: HTMLElement;

  private filter: Query = {};
  private since: keyof typeof SINCE = "any";
  private control: AbortController | null = null;
  private typing = 0; // the timer of a search that is being typed
  private reading = 0; // the timer of the next look while the server still reads recordings
  private readonly seen = { providers: new Set<string>(), models: new Set<string>() };
  private readonly watch = new IntersectionObserver(entries => {
    if (entries.some(entry => entry.isIntersecting)) void this.more();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.watch.observe(this.sentinel);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.watch.disconnect();
    this.control?.abort();
    clearTimeout(this.typing);
    clearTimeout(this.reading);
  }

  override firstUpdated(): void {
    this.watch.observe(this.sentinel);
    void this.load();
  }

  /** Shows this recording. */
  open(key: string): void {
    this.view = { name: "entry", key };
  }

  /** Asks for the first page anew; what is chosen stays chosen. */
  async load(): Promise<void> {
    this.control?.abort();
    const control = new AbortController();
    const { signal } = control;
    this.control = control;
    this.loading = true;
    const reading = !this.page || this.page.indexing.done < this.page.indexing.total;
    try {
      const { items, ...page } = await this.api.history({ ...this.filter, limit: PAGE }, signal);
      if (reading) void this.totals?.load(); // there may be more to sum up than when they were asked for
      this.take(items);
      Object.assign(this, { items, page, problem: "", current: 0, said: this.counted(page, items.length) });
      this.list.scrollTop = 0;
      this.again(page, items.length);
    } catch (error) {
      if (signal.aborted) return;
      this.problem = this.failed(error);
    }
    this.loading = false;
  }

  /** Asks for the next page, if there is one. */
  async more(): Promise<void> {
    const cursor = this.page?.next;
    if (!cursor || this.loading || !this.control) return;
    const { signal } = this.control;
    this.loading = true;
    try {
      const { items, ...page } = await this.api.history({ ...this.filter, limit: PAGE, cursor }, signal);
      this.take(items);
      const known = new Set(this.items.map(item => item.key));
      this.items = [...this.items, ...items.filter(item => !known.has(item.key))];
      this.page = page;
      this.problem = "";
    } catch (error) {
      if (signal.aborted) return;
      this.problem = this.failed(error);
    }
    this.loading = false;
    await this.updateComplete;
    this.watch.unobserve(this.sentinel); // it tells anew whether the end is still in sight
    if (!this.problem) this.watch.observe(this.sentinel);
  }

  /** While the server still reads recordings into its index, the list is asked for again. */
  private again(page: Omit<Page, "items">, shown: number): void {
    clearTimeout(this.reading);
    const { done, total } = page.indexing;
    if (done < total && (shown < PAGE || this.list.scrollTop < 10))
      this.reading = window.setTimeout(() => void this.load(), 1000);
  }

  private take(items: readonly Item[]): void {
    for (const { provider, model } of items) {
      this.seen.providers.add(provider);
      this.seen.models.add(model);
    }
  }

  private counted(page: Omit<Page, "items">, shown: number): string {
    return shown ? t(page.more ? "found_at_least" : "found", { n: page.total }) : t("found_none");
  }

  // --------------------------------------------------------------------------------------- what is done

  private search(change: Partial<Query>): void {
    this.filter = { ...this.filter, ...change };
    clearTimeout(this.typing);
    this.typing = window.setTimeout(() => void this.load(), PATIENCE);
  }

  private readonly typed = (event: Event) => this.search({ search: chosen(event) });

  private readonly sinceChosen = (event: Event) => {
    this.since = chosen(event) as keyof typeof SINCE;
    const days = SINCE[this.since];
    const { since: _, ...rest } = this.filter;
    this.filter = days ? { ...rest, since: Math.floor(Date.now() / 1000) - days * 86_400 } : rest;
    void this.load();
  };

  private toggle(key: string): void {
    const selected = new Set(this.selected);
    if (!selected.delete(key)) selected.add(key);
    this.selected = selected;
  }

  private async pin(item: Item): Promise<void> {
    const pinned = !item.pinned;
    this.change(item.key, { pinned });
    try {
      await this.api.pin(item.key, pinned);
    } catch (error) {
      this.change(item.key, { pinned: !pinned });
      this.problem = this.failed(error);
    }
  }

  private change(key: string, change: Partial<Item>): void {
    this.items = this.items.map(item => (item.key === key ? { ...item, ...change } : item));
  }

  private readonly compare = () => {
    const [left, right] = this.items.filter(item => this.selected.has(item.key)).map(item => item.key);
    // The older one stands left: the list begins with the newest.
    if (left && right) this.show({ name: "compare", keys: [right, left] });
  };

  private readonly exported = async () => {
    try {
      const { blob, name } = await this.api.exported([...this.selected]);
      download(blob, name);
      this.said = t("exported", { n: this.selected.size });
    } catch (error) {
      this.problem = this.failed(error);
    }
  };

  /** Asks, says what is lost, and deletes. */
  private async discard(keys: readonly string[]): Promise<void> {
    const gone = this.items.filter(item => keys.includes(item.key));
    const cost = gone.reduce((sum, item) => sum + (item.cost ?? 0), 0);
    const yes = await this.confirm.ask({
      title: t("delete_title", { n: keys.length }),
      about: [
        t("delete_lost"),
        cost ? t("delete_cost", { cost: money(cost) }) : "",
        gone.some(item => item.pinned) ? t("delete_pinned") : "",
        gone.some(item => item.workflow) ? t("delete_workflow") : "",
      ].filter(Boolean),
      yes: t("delete"),
    });
    if (!yes) return;
    try {
      await this.api.remove(keys);
    } catch (error) {
      this.problem = this.failed(error);
      return;
    }
    this.removed(new Set(keys));
  }

  private removed(keys: ReadonlySet<string>): void {
    const at = this.items.findIndex(item => keys.has(item.key));
    this.items = this.items.filter(item => !keys.has(item.key));
    this.selected = new Set([...this.selected].filter(key => !keys.has(key)));
    if (this.page) this.page = { ...this.page, total: Math.max(0, this.page.total - keys.size) };
    this.said = t("deleted", { n: keys.size });
    const { view } = this;
    const shown = view.name === "entry" ? [view.key] : view.name === "compare" ? view.keys : [];
    if (shown.some(key => keys.has(key))) this.view = { name: "none" };
    this.focusRow(Math.max(0, Math.min(at, this.items.length - 1)));
    void this.totals?.load();
    if (!this.items.length) void this.load();
  }

  private show(view: View): void {
    this.view = view;
    void this.updateComplete.then(async () => {
      await this.entry?.updateComplete;
      this.shadowRoot?.querySelector<HTMLElement>(".detail")?.scrollTo(0, 0);
      if (this.narrow || view.name === "compare")
        this.shadowRoot?.querySelector<HTMLElement>(".detail h2")?.focus();
    });
  }

  private get narrow(): boolean {
    return this.clientWidth < 720;
  }

  private readonly back = () => {
    this.view = { name: "none" };
    this.totalsShown = false;
    this.focusRow(this.current);
  };

  private readonly keyed = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.defaultPrevented || this.view.name === "none") return;
    event.preventDefault();
    this.back();
  };

  /** Up, down, first and last between rows; left and right between the controls of one. */
  private readonly moved = (event: KeyboardEvent) => {
    const last = this.items.length - 1;
    const rows: Record<string, number> = {
      ArrowDown: Math.min(last, this.current + 1),
      ArrowUp: Math.max(0, this.current - 1),
      Home: 0,
      End: last,
    };
    const to = rows[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to === last) void this.more();
    this.focusRow(to);
  };

  private focusRow(at: number): void {
    this.current = at;
    void this.updateComplete.then(() => {
      const rows = this.shadowRoot?.querySelectorAll<HTMLElement>("li.item");
      const target = rows?.[at]?.querySelector<HTMLElement>("button.show");
      (target ?? this.shadowRoot?.querySelector<HTMLElement>("input[type=search]"))?.focus();
    });
  }

  private readonly reran = () => {
    void this.load();
    void this.totals?.load();
  };

  private readonly pinned = (event: CustomEvent<{ key: string; pinned: boolean }>) => {
    this.change(event.detail.key, { pinned: event.detail.pinned });
  };

  private readonly deleted = (event: CustomEvent<{ keys: string[] }>) => {
    event.stopPropagation();
    void this.discard(event.detail.keys);
  };

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("items") && this.current >= this.items.length) this.current = 0;
  }

  // ------------------------------------------------------------------------------------- what is shown

  override render() {
    return html`<div
        class="frame"
        data-view=${this.view.name}
        ?data-totals=${this.totalsShown}
        @keydown=${this.keyed}
        @antiphon-pin=${this.pinned}
        @antiphon-delete=${this.deleted}
        @antiphon-rerun=${this.reran}
      >
        <section class="list" aria-label=${t("history")}>
          ${this.renderSearch()} ${this.renderChosen()}
          ${this.problem ? html`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : nothing}
          ${this.renderCount()} ${this.renderItems()}
          <div class="more">
            ${
              this.page?.next
                ? html`<button type="button" @click=${() => this.more()}>
                    ${this.loading ? t("loading") : t("more")}
                  </button>`
                : nothing
            }
          </div>
        </section>
        <section class="detail" aria-label=${t("details")}>${this.renderDetail()}</section>
      </div>
      <antiphon-confirm></antiphon-confirm>
      <span class="unseen" role="status">${this.said}</span>`;
  }

  private renderSearch() {
    return html`<div role="search">
      <input
        type="search"
        aria-label=${t("search")}
        placeholder=${t("search")}
        autocomplete="off"
        @input=${this.typed}
      />
      <details>
        <summary class="quiet">${t("filters")}</summary>
        <div class="filters">
          <label>${t("provider")}
            <select @change=${(event: Event) => this.search({ provider: chosen(event) })}>
              <option value="">${t("all")}</option>
              ${this.offered().map(name => html`<option value=${name}>${line(name)}</option>`)}
            </select>
          </label>
          <label>${t("model")}
            <input list="models" autocomplete="off" @change=${(event: Event) => this.search({ model: chosen(event).trim() })} />
            <datalist id="models">
              ${[...this.seen.models].sort().map(name => html`<option value=${name}></option>`)}
            </datalist>
          </label>
          <label>${t("when")}
            <select @change=${this.sinceChosen}>
              ${(Object.keys(SINCE) as (keyof typeof SINCE)[]).map(
                name =>
                  html`<option value=${name} ?selected=${name === this.since}>${t(`since_${name}`)}</option>`,
              )}
            </select>
          </label>
          <label class="inline">
            <input type="checkbox" @change=${(event: Event) =>
              this.search({ pinned: (event.target as HTMLInputElement).checked })} />
            ${t("pinned_only")}
          </label>
        </div>
      </details>
    </div>`;
  }

  private offered(): string[] {
    return [...new Set([...this.providers.map(provider => provider.name), ...this.seen.providers])].sort();
  }

  private renderChosen() {
    const n = this.selected.size;
    if (!n) return nothing;
    const clear = () => {
      this.selected = new Set();
      this.focusRow(this.current);
    };
    return html`<div class="chosen row" role="group" aria-label=${t("selected", { n })}>
      <span class="quiet">${t("selected", { n })}</span>
      <button type="button" ?disabled=${n !== 2} title=${n === 2 ? "" : t("compare_two")} @click=${this.compare}>
        ${t("compare")}
      </button>
      <button type="button" @click=${this.exported}>${t("export")}</button>
      <button type="button" class="danger" @click=${() => this.discard([...this.selected])}>${t("delete")}</button>
      <button type="button" class="plain" @click=${clear}>${t("clear")}</button>
    </div>`;
  }

  private renderCount() {
    if (!this.page) return this.problem ? nothing : html`<p class="quiet">${t("loading")}</p>`;
    const { done, total } = this.page.indexing;
    const totals = () => {
      this.totalsShown = true;
      this.view = { name: "none" };
    };
    return html`<div class="row">
        <p class="quiet grow">${this.counted(this.page, this.items.length)}</p>
        <button type="button" class="plain" @click=${totals}>${t("totals")}</button>
        <button type="button" class="plain" @click=${() => this.load()}>${t("refresh")}</button>
      </div>
      ${done < total ? html`<p class="quiet">${t("indexing", { done, total })}</p>` : nothing}`;
  }

  private renderItems() {
    return html`<ul role="list" @keydown=${this.moved}>
      ${repeat(
        this.items,
        item => item.key,
        (item, at) => this.renderItem(item, at),
      )}
    </ul>`;
  }

  private renderItem(item: Item, at: number) {
    const tab = at === this.current ? "0" : "-1";
    const name = line(item.prompt) || line(item.text) || item.key.slice(0, 8);
    const open = this.view.name === "entry" && this.view.key === item.key;
    const here = () => {
      this.current = at;
    };
    return html`<li class="item ${open ? "open" : ""}" @focusin=${here}>
      <input
        type="checkbox"
        tabindex=${tab}
        aria-label=${t("select", { name })}
        .checked=${this.selected.has(item.key)}
        @change=${() => this.toggle(item.key)}
      />
      <button
        type="button"
        class="show"
        tabindex=${tab}
        aria-current=${open ? "true" : "false"}
        @click=${() => this.show({ name: "entry", key: item.key })}
      >
        <span class="prompt">${line(item.prompt) || "–"}</span>
        <span class="text">${line(item.text) || ended(item.finish_reason) || line(item.problem ?? "") || "–"}</span>
        <span class="meta">${metaOf(item).join(" · ")}</span>
      </button>
      <button
        type="button"
        class="pin plain"
        tabindex=${tab}
        aria-pressed=${item.pinned ? "true" : "false"}
        aria-label=${t("pin_name", { name })}
        title=${t("pin")}
        @click=${() => this.pin(item)}
      >
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 1.5l2 4.3 4.7.6-3.4 3.2.9 4.6L8 11.9l-4.2 2.3.9-4.6L1.3 6.4 6 5.8z" />
        </svg>
      </button>
    </li>`;
  }

  private renderDetail() {
    const back = html`<button type="button" class="back" @click=${this.back}>← ${t("back")}</button>`;
    const { view } = this;
    if (view.name === "entry")
      return html`${back}<antiphon-entry
          .api=${this.api}
          .key=${view.key}
          ?use-text=${this.usesText}
          ?open-workflow=${this.opensWorkflow}
        ></antiphon-entry>`;
    if (view.name === "compare")
      return html`${back}
        <h2 tabindex="-1">${t("comparison")}</h2>
        <antiphon-compare .api=${this.api} .keys=${view.keys}></antiphon-compare>`;
    return html`${back}
      <antiphon-totals class="chart" .api=${this.api}></antiphon-totals>
      <p class="quiet">${t("choose_one")}</p>`;
  }
}

function metaOf(item: Item): string[] {
  return [
    line(item.model),
    item.seed === null ? "" : t("seed_is", { seed: item.seed }),
    item.output_tokens === null ? "" : t("tokens_out", { n: item.output_tokens }),
    item.cost === null ? "" : money(item.cost),
    moment(item.recorded_at),
    item.replayed ? t("replayed_times", { n: number(item.replayed) }) : "",
    item.media ? t("with_media", { n: item.media }) : "",
  ].filter(Boolean);
}

function chosen(event: Event): string {
  return (event.target as HTMLInputElement | HTMLSelectElement).value;
}
