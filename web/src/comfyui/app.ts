/** What of ComfyUI's page is used here. Everything may be missing: versions differ, and so do their renderers. */

import type { Host } from "../api";

export interface Widget {
  name: string;
  type?: string;
  label?: string;
  value: unknown;
  options?: Record<string, unknown> & { values?: unknown };
  serialize?: boolean;
  disabled?: boolean;
  element?: HTMLElement;
  inputEl?: HTMLElement;
  callback?: (...given: unknown[]) => unknown;
  onRemove?: () => void;
}

export interface GraphNode {
  id: number | string;
  type?: string;
  comfyClass?: string;
  title?: string;
  widgets?: Widget[];
  inputs?: { name: string; link?: number | null; widget?: { name: string } }[];
  size: [number, number];
  pos: [number, number];
  graph?: Graph | null;
  subgraph?: Graph;
  constructor: { comfyClass?: string; nodeData?: { name?: string } };
  addDOMWidget?: (name: string, type: string, element: HTMLElement, options: object) => Widget;
  addWidget?: (type: string, name: string, value: unknown, callback: () => void, options?: object) => Widget;
  getInputNode?: (slot: number) => GraphNode | null | undefined;
  computeSize?: () => [number, number];
  setSize?: (size: [number, number]) => void;
  setDirtyCanvas?: (front: boolean, back?: boolean) => void;
}

export interface Graph {
  id?: string;
  nodes?: GraphNode[];
  _nodes?: GraphNode[];
  subgraphs?: Map<string, Graph>;
  getNodeById?: (id: number | string) => GraphNode | null | undefined;
  add?: (node: GraphNode) => void;
}

export interface Messages extends EventTarget {
  clientId?: string;
  fetchApi: (path: string, init?: RequestInit) => Promise<Response>;
  apiURL?: (path: string) => string;
}

export interface App {
  api?: Messages;
  graph?: Graph;
  rootGraph?: Graph;
  canvas?: {
    selected_nodes?: Record<string, GraphNode>;
    ds?: { offset: [number, number]; scale: number };
    graph?: Graph;
  };
  nodeOutputs?: Record<string, unknown>;
  ui?: {
    settings?: EventTarget & {
      getSettingValue?: (id: string, otherwise?: unknown) => unknown;
      addSetting?: (setting: object) => void;
    };
  };
  extensionManager?: {
    registerSidebarTab?: (tab: object) => void;
    toast?: { add?: (message: object) => void };
    workflow?: {
      activeWorkflow?: { path?: string; changeTracker?: { checkState?: () => void } | null } | null;
    };
  };
  registerExtension: (extension: object) => void;
  loadGraphData?: (graph: unknown) => Promise<unknown>;
  queuePrompt?: (number: number) => Promise<unknown>;
}

interface Comfy {
  comfyAPI?: { app?: { app?: App }; api?: { api?: Messages } };
  app?: App;
  LiteGraph?: { vueNodesMode?: boolean; createNode?: (type: string) => GraphNode | null };
}

const page = globalThis as unknown as Comfy;

/** ComfyUI's app, or nothing where this script runs somewhere else. */
export function app(): App | undefined {
  return page.comfyAPI?.app?.app ?? page.app;
}

export function messages(): Messages | undefined {
  return page.comfyAPI?.api?.api ?? app()?.api;
}

/** Runs one part of the pack. Whatever goes wrong in it is said in the console, and stops nothing else. */
export function guarded<T>(what: string, work: () => T): T | undefined {
  try {
    const result = work();
    if (result instanceof Promise) result.catch(error => console.warn(`antiphon: ${what}:`, error));
    return result;
  } catch (error) {
    console.warn(`antiphon: ${what}:`, error);
    return undefined;
  }
}

/** The way to our server in ComfyUI's page. */
export const host: Host = {
  fetch: (path, init) => messages()?.fetchApi(path, init) ?? fetch(`/api${path}`, init),
  url: path => messages()?.apiURL?.(path) ?? `/api${path}`,
};

/** The class of a node, as ComfyUI calls it. */
export function kind(node: GraphNode): string {
  return (
    node.comfyClass ?? node.constructor?.comfyClass ?? node.constructor?.nodeData?.name ?? node.type ?? ""
  );
}

export function root(): Graph | undefined {
  return app()?.rootGraph ?? app()?.graph;
}

const NO_ID = "00000000-0000-0000-0000-000000000000";

/** What the workflow that is open is known by: its id, or its place in the list where it has none. */
export function workflow(): string {
  const id = root()?.id ?? NO_ID;
  return id === NO_ID ? (app()?.extensionManager?.workflow?.activeWorkflow?.path ?? "") : id;
}

export function nodesOf(graph: Graph | undefined): GraphNode[] {
  return graph?.nodes ?? graph?._nodes ?? [];
}

/** Every node of the workflow, with those inside of subgraphs. */
export function everyNode(): GraphNode[] {
  const inside = [...(root()?.subgraphs?.values() ?? [])].flatMap(nodesOf);
  return [...nodesOf(root()), ...inside];
}

/** The node that an id of the server's means: `5`, or `5:3` for one inside of a subgraph. */
export function nodeAt(path: string): GraphNode | undefined {
  let graph = root();
  let found: GraphNode | undefined;
  for (const id of path.split(":")) {
    found = byId(graph, id);
    graph = found?.subgraph;
  }
  return found;
}

function byId(graph: Graph | undefined, id: string): GraphNode | undefined {
  return nodesOf(graph).find(node => String(node.id) === id);
}

export function widgetOf(node: GraphNode, name: string): Widget | undefined {
  return node.widgets?.find(widget => widget.name === name);
}

/** What stands in a node's text widgets: the same node of another workflow asks something else. */
export function words(node: GraphNode): string {
  const theirs = (node.widgets ?? []).filter(({ name }) => !name.startsWith("antiphon"));
  return JSON.stringify(theirs.map(({ value }) => value).filter(value => typeof value === "string"));
}

/** Writes into a widget as the user would. */
export function write(node: GraphNode, widget: Widget, value: string): void {
  widget.value = value;
  widget.callback?.(value);
  node.setDirtyCanvas?.(true, true);
}

/** Has the page keep the workflow as it is now: its draft would come back with what was there before. */
export function noticed(): void {
  guarded("the draft", () =>
    app()?.extensionManager?.workflow?.activeWorkflow?.changeTracker?.checkState?.(),
  );
}

/** Whether nodes are drawn by Vue ("Nodes 2.0"). Some versions of it do not see widgets that are added later. */
export function drawnByVue(): boolean {
  return page.LiteGraph?.vueNodesMode === true || setting("Comfy.VueNodes.Enabled") === true;
}

/** Adds an element to a node, of no height while it is hidden. It is in no saved graph and in no prompt. */
export function addElement(
  node: GraphNode,
  name: string,
  element: HTMLElement,
  height: number,
): Widget | undefined {
  if (typeof node.addDOMWidget !== "function") return undefined;
  const high = () => (element.hidden ? 0 : height);
  const options = {
    serialize: false,
    hideOnZoom: false,
    getValue: () => "",
    setValue: () => undefined,
    getMinHeight: high,
    getMaxHeight: () => (element.hidden ? 0 : undefined),
    margin: 6,
  };
  const widget = node.addDOMWidget(name, name, element, options);
  widget.serialize = false;
  return widget;
}

/** Makes a node as large as its widgets need, and by `more` higher than it is; never smaller. */
export function grow(node: GraphNode, more = 0): void {
  const needed = node.computeSize?.();
  if (needed === undefined) return;
  const size: [number, number] = [
    Math.max(node.size[0], needed[0]),
    Math.max(node.size[1] + more, needed[1]),
  ];
  if (size[0] !== node.size[0] || size[1] !== node.size[1]) node.setSize?.(size);
  node.setDirtyCanvas?.(true, true);
}

/** Takes back what a node was made higher by, as far as its widgets let it. */
export function shrink(node: GraphNode, less: number): void {
  const needed = node.computeSize?.();
  if (needed !== undefined) node.setSize?.([node.size[0], Math.max(node.size[1] - less, needed[1])]);
}

/** Says something in a corner of the page for a while. */
export function say(severity: "success" | "info" | "warn" | "error", text: string): void {
  const add = app()?.extensionManager?.toast?.add;
  if (add === undefined) return;
  guarded("a message", () =>
    app()?.extensionManager?.toast?.add?.({ severity, summary: "Antiphon", detail: text, life: 6000 }),
  );
}

export function setting(id: string): unknown {
  return guarded("a setting", () => app()?.ui?.settings?.getSettingValue?.(id));
}

export function create(type: string): GraphNode | null {
  return page.LiteGraph?.createNode?.(type) ?? null;
}
