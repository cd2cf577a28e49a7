/** Keys that stand in widgets: seen in the page, hidden from view, moved to the key file in one click. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { Translated } from "../i18n";
import { basics, tokens } from "../theme";
import {
  addElement,
  drawnByVue,
  everyNode,
  type GraphNode,
  grow,
  guarded,
  kind,
  messages,
  nodeAt,
  noticed,
  say,
  shrink,
  type Widget,
  widgetOf,
  write,
} from "./app";
import { type Hello, type KeyInfo, move } from "./hello";
import { manageKeys } from "./panels";
import { word } from "./words";

const NAME = "antiphon_key";
const HEIGHT = 36;
const LOOK = 700; // milliseconds between two looks at what was typed

let known: Hello["keys"] = {};

/** Shown below a widget that holds a key. */
@customElement("antiphon-key")
export class AntiphonKey extends LitElement {
  static override styles = [
    tokens,
    basics,
    css`
      :host {
        --a-bg: var(--comfy-input-bg, light-dark(#ffffff, #222222));
        --a-fg: var(--input-text, light-dark(#1c1c1e, #dddddd));
        display: flex;
        flex-direction: column;
        gap: 4px;
        min-height: 28px;
        color: var(--a-fg);
        font-size: 12px;
        overflow: auto;
      }

      button {
        min-height: 28px;
        line-height: 1.1;
      }

      .problem {
        background: var(--a-bg);
      }

      :host([hidden]) {
        display: none;
      }
    `,
  ];

  node: GraphNode | undefined;
  @state() private moving = false;
  @state() private problem = "";

  constructor() {
    super();
    new Translated(this);
  }

  override render() {
    return html`<button type="button" class="first" title=${word("keyFound")} ?disabled=${this.moving} @click=${this.go}>
        ${this.moving ? word("keyMoving") : word("keyMove")}
      </button>
      ${this.problem ? html`<span class="problem" role="alert">${this.problem}</span>` : nothing}`;
  }

  private readonly go = async (): Promise<void> => {
    if (this.node === undefined) return;
    this.moving = true;
    this.problem = "";
    try {
      await moved(this.node);
    } catch (error) {
      this.problem = word("keyFailed", { error: error instanceof Error ? error.message : String(error) });
      if (error instanceof Error && error.name === "401") manageKeys(); // it asks for the code first
    }
    this.moving = false;
  };
}

async function moved(node: GraphNode): Promise<void> {
  const info = known[kind(node)];
  if (info === undefined) return;
  const inputs = Object.fromEntries(
    (node.widgets ?? []).map(widget => [widget.name, String(widget.value ?? "")]),
  );
  put(node, info, await move(kind(node), inputs));
}

/** Writes the name of a stored key into the first of the widgets, and empties the others. */
function put(node: GraphNode, info: KeyInfo, reference: string): void {
  if (widgetOf(node, info.inputs[0] ?? "")?.value === reference) return; // told twice
  for (const [index, name] of info.inputs.entries()) {
    const widget = widgetOf(node, name);
    if (widget) write(node, widget, index === 0 ? reference : "");
  }
  look(node);
  noticed();
  say("success", word("keyMoved", { node: node.title ?? kind(node), reference }));
}

/** The server has taken a key out of a prompt: the widget holds its name from now on. */
function told(detail: { node?: unknown; input?: unknown; reference?: unknown }): void {
  const node = nodeAt(String(detail.node));
  const info = node && known[kind(node)];
  if (node && info && typeof detail.reference === "string") put(node, info, detail.reference);
}

// ------------------------------------------------------------------------------------------- looking

const notices = new WeakMap<GraphNode, AntiphonKey>();

function holds(node: GraphNode, info: KeyInfo): boolean {
  const text = String(widgetOf(node, info.inputs[0] ?? "")?.value ?? "").trim();
  return new RegExp(info.pattern, "u").test(text);
}

/** Shows or takes away what is said about a key in this node. */
function look(node: GraphNode): void {
  const info = known[kind(node)];
  if (info === undefined) return;
  const held = holds(node, info);
  for (const name of info.inputs) hide(widgetOf(node, name), held);
  if (drawnByVue()) veil(node, info, held);
  const notice = notices.get(node) ?? (held ? added(node) : undefined);
  if (notice === undefined || notice.hidden === !held) return;
  notice.hidden = !held;
  if (held) grow(node, HEIGHT);
  else shrink(node, HEIGHT);
}

function added(node: GraphNode): AntiphonKey | undefined {
  const notice = new AntiphonKey();
  notice.node = node;
  notice.hidden = true;
  if (addElement(node, NAME, notice, HEIGHT) === undefined) return undefined;
  notices.set(node, notice);
  return notice;
}

/** Called while a node is made: where it has to have the notice from the beginning, it gets it. */
export function prepare(node: GraphNode): void {
  if (drawnByVue() && known[kind(node)] !== undefined) added(node);
}

/** Draws dots for the text of a widget, on the canvas and in an input element. Its value stays what it is. */
function hide(widget: Widget | undefined, hidden: boolean): void {
  if (widget === undefined) return;
  const input = widget.inputEl ?? widget.element;
  if (input instanceof HTMLInputElement) input.type = hidden ? "password" : "text";
  const options = widget.options;
  if (options && (options.type === "password") !== hidden) {
    if (hidden) options.type = "password";
    else delete options.type;
  }
  if (!("_displayValue" in widget)) return;
  const own = Object.hasOwn(widget, "_displayValue");
  if (hidden && !own) {
    Object.defineProperty(widget, "_displayValue", { configurable: true, get: () => "••••••••" });
  } else if (!hidden && own) {
    delete (widget as unknown as Record<string, unknown>)._displayValue;
  }
}

/** The same for the fields that Vue has drawn: not all versions of the page make them fields for passwords when told. */
function veil(node: GraphNode, info: KeyInfo, hidden: boolean): void {
  const secrets = new Set(info.inputs.map(name => widgetOf(node, name)?.value).filter(Boolean));
  const fields = document.querySelectorAll<HTMLInputElement>(
    `[data-node-id="${CSS.escape(String(node.id))}"] input`,
  );
  for (const field of fields) {
    const dots = hidden && secrets.has(field.value) ? "disc" : "";
    field.style.setProperty("-webkit-text-security", dots);
  }
}

export function lookAtAll(): void {
  if (document.hidden) return;
  for (const node of everyNode()) guarded("a key in a widget", () => look(node));
}

export function watch(told_: Hello): void {
  const first = Object.keys(known).length === 0;
  known = told_.keys;
  if (first && Object.keys(known).length > 0) setInterval(lookAtAll, LOOK);
  lookAtAll();
}

export function listen(): void {
  messages()?.addEventListener("antiphon.key_moved", event =>
    guarded("a moved key", () => told((event as CustomEvent).detail ?? {})),
  );
}
