/** What the nodes of a workflow have answered: pieces put together, kept for a reload. No ComfyUI and no DOM in here. */

export interface Facts {
  provider?: string;
  model?: string;
  input_tokens?: number;
  output_tokens?: number;
  cost_usd?: number;
  seconds?: number;
  seed?: string;
  seed_status?: string;
  replayed?: boolean;
  finish_reason?: string;
  key?: string;
}

export type Phase = "growing" | "done" | "failed" | "interrupted";

export interface Answer {
  item: number;
  text: string;
  reasoning: string;
  phase: Phase;
  facts: Facts;
  notes: string[];
  error: string;
  /** The end of the text is missing: there was more than is kept. */
  cut: boolean;
}

/** As the server sends it: a piece with the place where it belongs, all so far, or the end. */
export interface Piece {
  item: number;
  at?: { text: number; reasoning: number };
  whole?: boolean;
  done?: boolean;
  text?: string;
  reasoning?: string;
  facts?: Facts;
  notes?: string[];
  error?: string;
  cut?: boolean;
}

export interface Told {
  prompt_id: string;
  node: string;
  pieces: Piece[];
}

export interface NodeAnswers {
  prompt: string;
  kind: string;
  /** What stood in the node when it began to answer. */
  asked?: string;
  answers: Answer[];
}

/** Characters that are kept of one node for a reload, and of all together. */
export const KEPT = 20_000;
const ALL = 1_000_000;
const PREFIX = "antiphon.answers:";
const LAST = "antiphon.last";

/** The workflow whose answers were kept last in this tab of the browser. */
export function last(storage: Storage | undefined): string | undefined {
  return storage?.getItem(LAST) ?? undefined;
}

function empty(item: number): Answer {
  return { item, text: "", reasoning: "", phase: "growing", facts: {}, notes: [], error: "", cut: false };
}

/** The answers of one workflow's nodes, by the id that the server knows them by. */
export class Answers {
  readonly nodes = new Map<string, NodeAnswers>();

  constructor(
    private readonly graph: string,
    private readonly storage: Storage | undefined,
  ) {
    this.load();
  }

  /** Takes what the server says. False where a piece is missing: then it has to be asked for all. */
  take(told: Told, kind: string): boolean {
    const known = this.nodes.get(told.node);
    const node = known?.prompt === told.prompt_id ? known : { prompt: told.prompt_id, kind, answers: [] };
    this.nodes.set(told.node, node);
    return told.pieces.map(piece => taken(node, piece)).every(fits => fits);
  }

  /** Takes a node's output, as the server keeps it: it may be cut where we have all of it. */
  output(node: string, prompt: string, kind: string, pieces: Piece[]): void {
    const known = this.nodes.get(node);
    const missing = pieces.filter(piece => !has(known, piece));
    if (missing.length < pieces.length && known !== undefined) {
      for (const piece of pieces) notes(known, piece);
    }
    if (missing.length > 0) this.take({ prompt_id: prompt, node, pieces }, kind);
  }

  /** Ends what still grows: for one node with what went wrong, for a whole prompt with an interrupt. */
  end(prompt: string, phase: Phase, node?: string, error = ""): string[] {
    const ended: string[] = [];
    for (const [id, found] of this.nodes) {
      if (found.prompt !== prompt || (node !== undefined && node !== id)) continue;
      const growing = found.answers.filter(answer => answer.phase === "growing");
      for (const answer of growing) Object.assign(answer, { phase, error });
      if (growing.length > 0) ended.push(id);
    }
    return ended;
  }

  growing(): [string, NodeAnswers][] {
    return [...this.nodes].filter(([, { answers }]) => answers.some(({ phase }) => phase === "growing"));
  }

  /** Keeps it for a reload of the page; the oldest go first where there is too much. */
  keep(): void {
    let room = ALL;
    const kept = [...this.nodes].reverse().flatMap(([id, node]) => {
      const small = { ...node, answers: shortened(node.answers) };
      room -= small.answers.reduce((sum, answer) => sum + answer.text.length + answer.reasoning.length, 0);
      return room < 0 ? [] : [[id, small] as const];
    });
    try {
      if (kept.length === 0) return;
      this.storage?.setItem(PREFIX + this.graph, JSON.stringify(kept.reverse()));
      this.storage?.setItem(LAST, this.graph);
    } catch {
      // The storage is full, or forbidden: then it is not there after a reload.
    }
  }

  private load(): void {
    try {
      const kept = this.storage?.getItem(PREFIX + this.graph);
      for (const [id, node] of JSON.parse(kept ?? "[]") as [string, NodeAnswers][]) this.nodes.set(id, node);
    } catch {
      // Not ours, or of another version.
    }
  }
}

function taken(node: NodeAnswers, piece: Piece): boolean {
  let answer = node.answers.find(({ item }) => item === piece.item);
  if (answer === undefined) {
    answer = empty(piece.item);
    node.answers.push(answer);
    node.answers.sort((one, other) => one.item - other.item);
  }
  if (piece.done || piece.whole) {
    Object.assign(answer, empty(piece.item), {
      text: piece.text ?? "",
      reasoning: piece.reasoning ?? "",
      facts: piece.facts ?? {},
      notes: piece.notes ?? [],
      error: piece.error ?? "",
      cut: piece.cut ?? false,
      phase: piece.error ? "failed" : piece.done ? "done" : "growing",
    });
    return true;
  }
  if (answer.phase !== "growing") return true; // what comes late
  if (piece.at?.text !== answer.text.length || piece.at.reasoning !== answer.reasoning.length) return false;
  answer.text += piece.text ?? "";
  answer.reasoning += piece.reasoning ?? "";
  return true;
}

/** Whether this answer is there already, and whole. */
function has(node: NodeAnswers | undefined, piece: Piece): boolean {
  const answer = node?.answers.find(({ item }) => item === piece.item);
  return answer?.phase === "done" && answer.facts.key !== undefined && answer.facts.key === piece.facts?.key
    ? answer.text.startsWith(piece.text ?? "") && answer.facts.replayed === piece.facts.replayed
    : false;
}

/** What a node notes after its answer was there, about pictures for one. */
function notes(node: NodeAnswers, piece: Piece): void {
  const answer = node.answers.find(({ item }) => item === piece.item);
  if (answer !== undefined && piece.notes !== undefined && piece.notes.length > answer.notes.length) {
    answer.notes = piece.notes;
  }
}

function shortened(answers: Answer[]): Answer[] {
  const share = Math.max(200, Math.floor(KEPT / Math.max(1, answers.length)));
  return answers.map(answer => ({
    ...answer,
    text: answer.text.slice(0, share),
    reasoning: answer.reasoning.slice(0, share),
    cut: answer.cut || answer.text.length > share,
  }));
}
