/** Answers in the nodes: from the server's events, from what it keeps, and from before a reload. */

import { AntiphonNodeAnswer } from "./answer";
import { Answers, last, type Piece, type Told } from "./answers";
import {
  addElement,
  drawnByVue,
  everyNode,
  type GraphNode,
  grow,
  guarded,
  host,
  kind,
  messages,
  nodeAt,
  words,
  workflow,
} from "./app";
import { type Hello, hello } from "./hello";

const NAME = "antiphon_answer";
const HEIGHT = 150;

const widgets = new WeakMap<GraphNode, AntiphonNodeAnswer>();
let stores = new Map<string, Answers>();
let asked = 0; // when the server was last asked for all: not with every event

/** The answers of the workflow that is open. */
export function current(): Answers {
  const id = workflow();
  let found = stores.get(id);
  if (found === undefined) {
    found = new Answers(id, storage());
    stores.set(id, found);
  }
  return found;
}

function storage(): Storage | undefined {
  return guarded("session storage", () => globalThis.sessionStorage);
}

/** For tests: forgets what is in memory. */
export function forget(): void {
  stores = new Map();
}

export function listen(): void {
  const api = messages();
  const on = (name: string, take: (detail: Record<string, unknown>) => void) =>
    api?.addEventListener(name, event =>
      guarded(name, () => take(((event as CustomEvent).detail ?? {}) as Record<string, unknown>)),
    );
  on("antiphon.answer", detail => answered(detail as unknown as Told));
  on("executing", detail => waiting(nameOf(detail)));
  on("executed", detail => executed(detail));
  on("execution_error", detail => {
    ended(detail, "failed", String(detail.node_id), String(detail.exception_message ?? ""));
    ended(detail, "interrupted");
  });
  on("execution_interrupted", detail => ended(detail, "interrupted"));
  on("execution_success", detail => rested(String(detail.prompt_id)));
  on("reconnected", () => void recover());
  globalThis.addEventListener?.("pagehide", () => {
    for (const store of stores.values()) store.keep();
  });
}

/** What the page says of a node that begins: its id, in one of two shapes. */
function nameOf(detail: unknown): string {
  const node = typeof detail === "object" && detail !== null ? (detail as { node?: unknown }).node : detail;
  return node === undefined || node === null ? "" : String(node);
}

function answered(told: Told): void {
  const node = nodeAt(told.node);
  if (node === undefined) return;
  const whole = current().take(told, kind(node));
  noted(node, told.node);
  show(node, told.node);
  if (!whole && Date.now() - asked > 1000) void recover();
  if (told.pieces.some(piece => piece.done)) current().keep();
}

/** Remembers what the node asked: by that it is known again in a workflow that was never saved. */
function noted(node: GraphNode, id: string): void {
  const found = current().nodes.get(id);
  if (found !== undefined) found.asked ??= words(node);
}

function waiting(id: string): void {
  const node = id ? nodeAt(id) : undefined;
  if (node === undefined || !answers(node)) return;
  const element = shown(node, true);
  if (element) element.waiting = true;
}

function executed(detail: Record<string, unknown>): void {
  const pieces = (detail.output as { antiphon?: Piece[] } | null)?.antiphon;
  const id = String(detail.display_node ?? detail.node);
  if (Array.isArray(pieces)) put(id, String(detail.prompt_id), pieces);
}

function put(id: string, prompt: string, pieces: Piece[]): void {
  const node = nodeAt(id);
  if (node === undefined) return;
  current().output(id, prompt, kind(node), pieces);
  noted(node, id);
  show(node, id);
  current().keep();
}

function ended(
  detail: Record<string, unknown>,
  phase: "failed" | "interrupted",
  node?: string,
  error = "",
): void {
  for (const id of current().end(String(detail.prompt_id), phase, node, error)) {
    const found = nodeAt(id);
    if (found) show(found, id);
  }
  if (phase === "failed" && node !== undefined) untold(node, String(detail.prompt_id), error);
  rested("");
  current().keep();
}

/** An error of a node that has told nothing yet: it failed before it asked. */
function untold(id: string, prompt: string, error: string): void {
  const node = nodeAt(id);
  if (node === undefined || !answers(node)) return;
  if (current().nodes.get(id)?.prompt === prompt) return;
  current().take({ prompt_id: prompt, node: id, pieces: [{ item: 0, done: true, error }] }, kind(node));
  show(node, id);
}

/** Nothing is asked any more. */
function rested(prompt: string): void {
  for (const node of everyNode()) {
    const element = widgets.get(node);
    if (element) element.waiting = false;
  }
  if (prompt) void settle(prompt);
}

/** What still grows when a prompt has ended has missed its end. */
async function settle(prompt: string): Promise<void> {
  if (
    current()
      .growing()
      .some(([, node]) => node.prompt === prompt)
  )
    await kept(prompt);
}

let classes: ReadonlySet<string> = new Set();

/** Whether this node is one of those that answer. */
function answers(node: GraphNode): boolean {
  return classes.has(kind(node));
}

export function known(told: Hello): void {
  classes = new Set(told.answering);
}

/** Puts the answers that are known of this workflow into its nodes: after it was opened. */
export function restore(): void {
  if (first && current().nodes.size === 0) adopt();
  first = false;
  for (const [id, found] of current().nodes) {
    const node = nodeAt(id);
    if (node !== undefined && kind(node) === found.kind) show(node, id, false);
  }
  if (current().growing().length > 0) void recover();
}

let first = true; // what the page opens first is what was open before it was loaded anew

/** A workflow that was never saved may come back under another id. */
function adopt(): void {
  const before = last(storage());
  if (before === undefined || before === workflow()) return;
  const kept = new Answers(before, storage()).nodes;
  const here = [...kept].every(([id, { kind: was, asked: said }]) => {
    const node = nodeAt(id);
    return node !== undefined && kind(node) === was && (said === undefined || words(node) === said);
  });
  if (here) for (const [id, node] of kept) current().nodes.set(id, node);
}

/** Asks the server for all that grows, and for how it ended where nothing grows any more. */
export async function recover(): Promise<void> {
  asked = Date.now();
  const growing = await hello();
  for (const told of growing?.answers ?? []) answered(told);
  const there = new Set(growing?.answers.map(told => told.prompt_id));
  const lost = new Set(
    current()
      .growing()
      .map(([, node]) => node.prompt),
  );
  for (const prompt of lost) if (!there.has(prompt)) await kept(prompt);
}

/** What ComfyUI keeps of a prompt: the outputs of its nodes. */
async function kept(prompt: string): Promise<void> {
  const reply = await host.fetch(`/history/${encodeURIComponent(prompt)}`);
  const found = reply.ok
    ? ((await reply.json()) as Record<string, { outputs?: Record<string, { antiphon?: Piece[] }> }>)
    : {};
  if (found[prompt] === undefined) return; // it runs still
  for (const [id, output] of Object.entries(found[prompt].outputs ?? {})) {
    if (Array.isArray(output.antiphon)) put(id, prompt, output.antiphon);
  }
  ended({ prompt_id: prompt }, "interrupted");
}

// ------------------------------------------------------------------------------------------ the widget

function show(node: GraphNode, id: string, more = true): void {
  const element = shown(node, more);
  if (element === undefined) return;
  element.waiting = false;
  element.changed([...(current().nodes.get(id)?.answers ?? [])]);
}

/** The element in this node, seen from now on. A node that was saved with it has its height already. */
function shown(node: GraphNode, more: boolean): AntiphonNodeAnswer | undefined {
  const element = widgets.get(node) ?? added(node);
  if (element?.hidden) {
    element.hidden = false;
    guarded("the size of a node", () => grow(node, more ? HEIGHT : 0));
  }
  return element;
}

function added(node: GraphNode): AntiphonNodeAnswer | undefined {
  const element = new AntiphonNodeAnswer();
  element.hidden = true;
  const widget = guarded("the answer in a node", () => addElement(node, NAME, element, HEIGHT));
  if (widget === undefined) return undefined;
  widgets.set(node, element);
  return element;
}

/** Called while a node is made: where it has to have the element from the beginning, it gets it. */
export function prepare(node: GraphNode): void {
  if (drawnByVue() && answers(node)) added(node);
}
