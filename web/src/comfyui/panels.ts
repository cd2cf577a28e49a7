/** The shared pages inside of ComfyUI: keys in its settings, a model picker at its nodes, the history in its sidebar. */

import { Api, type ProviderInfo, type State } from "../api";
import { toClipboard } from "./answer";
import {
  app,
  create,
  everyNode,
  type GraphNode,
  guarded,
  host,
  kind,
  nodesOf,
  root,
  say,
  type Widget,
  widgetOf,
  write,
} from "./app";
import { opened, quieted } from "./dialog";
import type { ApiInfo, Hello } from "./hello";
import "./picker";
import { word } from "./words";

type Made = HTMLElement & Record<string, unknown>;

const api = new Api(host);

function made(tag: string, properties: Record<string, unknown> = {}): Made {
  return Object.assign(document.createElement(tag) as Made, { api, ...properties });
}

/** What `inside` makes of the server's state, once this browser may ask. */
function paired(inside: (providers: readonly ProviderInfo[]) => HTMLElement): HTMLElement {
  const frame = quieted(made("antiphon-pair"));
  frame.addEventListener("antiphon-allowed", event => {
    const state = (event as CustomEvent<State>).detail;
    if (frame.childElementCount === 0) frame.append(inside(state.providers ?? []));
  });
  return frame;
}

// -------------------------------------------------------------------------------------------- keys

export function manageKeys(): void {
  opened(
    word("credentials"),
    paired(providers => made("antiphon-credentials", { providers })),
  );
}

/** A row of ComfyUI's settings: a button, since there is not room for more. */
export function keysSetting(): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "p-button p-component p-button-secondary";
  button.textContent = word("credentialsOpen");
  button.addEventListener("click", manageKeys);
  return button;
}

// ------------------------------------------------------------------------------------------ models

const offered = new WeakSet<GraphNode>();
let told: Pick<Hello, "models" | "apis" | "answering"> = { models: {}, apis: {}, answering: [] };

export function known(hello: Hello): void {
  told = hello;
  for (const node of everyNode()) offer(node);
}

/** Puts the button to choose a model into a node that has the widget for it. */
export function offer(node: GraphNode): void {
  const info = told.models[kind(node)];
  if (info === undefined || typeof node.addWidget !== "function" || offered.has(node)) return;
  if (widgetOf(node, info.input) === undefined) return;
  const widget = node.addWidget(
    "button",
    word("choose"),
    null,
    () => guarded("models", () => choose(node, info.input)),
    {
      serialize: false,
    },
  );
  widget.serialize = false;
  offered.add(node);
  const needed = node.computeSize?.()[1] ?? 0;
  if (needed > node.size[1]) node.setSize?.([node.size[0], needed]);
}

/** Opens the list of models, with free text, for the widget of this name. */
function choose(node: GraphNode, input: string): void {
  const widget = widgetOf(node, input);
  if (widget === undefined) return;
  const dialog = opened(
    word("models"),
    paired(providers =>
      picker(node, widget, providers, () => {
        dialog.close();
      }),
    ),
  );
}

function picker(
  node: GraphNode,
  widget: Widget,
  providers: readonly ProviderInfo[],
  done: () => void,
): HTMLElement {
  const form = made("antiphon-picker", { providers, ...whose(node), value: String(widget.value ?? "") });
  form.addEventListener("antiphon-picked", event => {
    write(node, widget, (event as CustomEvent<{ model: string }>).detail.model);
    done();
  });
  return form;
}

interface Guess {
  provider: string;
  credential: string;
  baseUrl: string;
}

/** Whose models are meant: by the node itself, or by the API node beside it at a node that asks. */
function whose(node: GraphNode): Guess {
  const own = told.models[kind(node)]?.provider;
  if (own) return { provider: own, credential: "", baseUrl: "" };
  const asking = nodesOf(node.graph ?? root()).filter(other => told.answering.includes(kind(other)));
  for (const other of asking) {
    if (wired(other, "config") !== node) continue;
    const source = wired(other, "api");
    const info = source && told.apis[kind(source)];
    if (source && info) return said(source, info);
  }
  return { provider: "", credential: "", baseUrl: "" };
}

function wired(node: GraphNode, name: string): GraphNode | null | undefined {
  const slot = node.inputs?.findIndex(input => input.name === name) ?? -1;
  return slot < 0 ? undefined : node.getInputNode?.(slot);
}

function said(source: GraphNode, info: ApiInfo): Guess {
  const text = (name: string | undefined) => String((name && widgetOf(source, name)?.value) || "").trim();
  const credential = text(info.credential);
  return {
    provider: info.provider ?? text(info.from),
    credential: credential.startsWith("credential:") ? credential.slice("credential:".length) : "",
    baseUrl: text(info.address),
  };
}

// ----------------------------------------------------------------------------------------- history

/** The tab in ComfyUI's sidebar. */
export const tab = {
  id: "antiphon",
  icon: "pi pi-comments",
  title: "Antiphon",
  get tooltip() {
    return word("history");
  },
  type: "custom",
  render(place: HTMLElement) {
    // The page calls this again whenever it draws its sidebar anew: what somebody is looking at stays.
    if (place.querySelector(":scope > antiphon-pair") !== null) return;
    place.replaceChildren(paired(history));
    place.style.height = "100%";
  },
  destroy: () => undefined,
};

function history(providers: readonly ProviderInfo[]): HTMLElement {
  const pages = made("antiphon-history", { providers, usesText: true, opensWorkflow: true });
  pages.addEventListener("antiphon-use-text", event =>
    guarded("use the text", () => used((event as CustomEvent<{ text: string }>).detail.text)),
  );
  pages.addEventListener("antiphon-open-workflow", event =>
    guarded("open the workflow", () =>
      openedWorkflow((event as CustomEvent<{ workflow: unknown }>).detail.workflow),
    ),
  );
  return pages;
}

/** Puts a text where it is wanted: into the node that is selected, else into a new one, else into the clipboard. */
async function used(text: string): Promise<void> {
  const selected = Object.values(app()?.canvas?.selected_nodes ?? {});
  for (const node of selected) {
    const widget = node.widgets?.find(holdsText);
    if (widget === undefined) continue;
    write(node, widget, text);
    return say("success", word("textUsed", { node: node.title ?? kind(node) }));
  }
  if (placed(text)) return say("success", word("textNode"));
  if (await toClipboard(text)) say("info", word("textCopied"));
}

function holdsText(widget: Widget): boolean {
  const input = widget.inputEl ?? widget.element;
  return (
    typeof widget.value === "string" && (widget.type === "customtext" || input instanceof HTMLTextAreaElement)
  );
}

function placed(text: string): boolean {
  const node = create("PrimitiveStringMultiline");
  const graph = app()?.canvas?.graph ?? app()?.graph;
  if (node === null || typeof graph?.add !== "function") return false;
  const { offset, scale } = app()?.canvas?.ds ?? { offset: [0, 0], scale: 1 };
  node.pos = [innerWidth / 2 / scale - offset[0] - 150, innerHeight / 2 / scale - offset[1] - 80];
  graph.add(node);
  const widget = widgetOf(node, "value") ?? node.widgets?.[0];
  if (widget) write(node, widget, text);
  return widget !== undefined;
}

async function openedWorkflow(workflow: unknown): Promise<void> {
  await app()?.loadGraphData?.(workflow);
  say("success", word("workflowOpened"));
}
