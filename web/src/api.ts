/** The server's routes below `/antiphon`, typed. Where they are is the host's business: see `Host`. */

import { lines } from "./ndjson";

/** How the page reaches the server: plain fetch in `antiphon ui`, ComfyUI's own in its page. */
export interface Host {
  /** Sends to `path`, which begins with `/antiphon/`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** The address of `path` for `<img src>`. */
  url(path: string): string;
}

/** The page's own server. */
export const sameOrigin: Host = {
  fetch: (path, init) => fetch(path, { credentials: "same-origin", ...init }),
  url: path => path,
};

export interface ProviderInfo {
  name: string;
  title: string;
  hosts: string[];
  keyless: boolean;
  /** It has no address of its own. */
  needs_base_url?: boolean;
  default_model?: string | null;
}

export interface State {
  version?: string;
  host?: "comfyui" | "ui";
  allowed: boolean;
  pairing: boolean;
  /** The language that the server was told to speak, where it was. */
  lang?: string;
  providers?: ProviderInfo[];
  budget?: unknown;
}

export type SeedStatus = "none" | "sent" | "unsupported";

/** One line of the history. `prompt` and `text` are their first 300 characters. `cost` in US dollars. */
export interface Item {
  key: string;
  provider: string;
  model: string;
  /** In digits: numbers of JavaScript lose some beyond 2**53. */
  seed: string | null;
  prompt: string;
  text: string;
  /** Seconds since 1970, or an ISO 8601 time. */
  recorded_at: number | string;
  input_tokens: number | null;
  output_tokens: number | null;
  cost: number | null;
  replayed: number;
  replayed_at: number | string | null;
  pinned: boolean;
  workflow: boolean;
  media: number;
  finish_reason: string | null;
  problem?: string | null;
}

export interface Page {
  items: Item[];
  next: string | null;
  total: number;
  /** `total` is only as far as was counted. */
  more?: boolean;
  indexing: { done: number; total: number };
}

export interface Query {
  search?: string;
  provider?: string;
  model?: string;
  pinned?: boolean;
  /** Seconds since 1970. */
  since?: number;
  before?: number;
  cursor?: string;
  limit?: number;
}

/** An image, sound or other file in a message or an answer; `sha256` where the server can give its bytes. */
export interface MediaInfo {
  kind?: string;
  media_type?: string;
  sha256?: string | null;
  url?: string | null;
  name?: string | null;
  size?: number | null;
}

export type Part = string | ({ text?: string } & MediaInfo);

export interface MessageInfo {
  role: string;
  parts?: Part[];
  content?: string | Part[];
}

export interface Usage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cached_tokens?: number | null;
  reasoning_tokens?: number | null;
  [name: string]: unknown;
}

/** Everything about one recording, and what `POST complete` ends with. */
export interface Entry {
  key: string | null;
  provider: string;
  model: string;
  seed: string | null;
  messages?: MessageInfo[];
  system?: string | null;
  prompt?: string;
  text: string | null;
  reasoning?: string | null;
  images?: MediaInfo[];
  media?: MediaInfo[] | number;
  finish_reason?: string | null;
  usage?: Usage | null;
  input_tokens?: number | null;
  output_tokens?: number | null;
  cost?: number | null;
  config?: Record<string, unknown>;
  notes?: string[];
  sent?: unknown;
  seed_status?: SeedStatus | null;
  problem?: string | null;
  recorded_at?: number | string | null;
  replayed?: number | boolean;
  replayed_at?: number | string | null;
  pinned?: boolean;
  workflow?: boolean;
  seconds?: number | null;
}

export interface DayTotal {
  day: string;
  completions: number;
  replayed: number;
  input_tokens: number;
  output_tokens: number;
  cost: number | null;
  /** Completions whose cost nobody knows: they are not in `cost`. */
  unpriced?: number;
}

export interface ModelTotal extends Omit<DayTotal, "day"> {
  provider: string;
  model: string;
}

export interface Totals {
  days: DayTotal[];
  models: ModelTotal[];
}

/** Prices in US dollars for a million tokens. */
export interface ModelInfo {
  id: string;
  name?: string | null;
  context?: number | null;
  max_output?: number | null;
  takes?: string[];
  makes?: string[];
  abilities?: string[];
  price?: { input: number | null; output: number | null } | null;
  last_day?: string | null;
}

export interface Models {
  models: ModelInfo[];
  listed_at: number | string | null;
  known_only: boolean;
}

export interface Credential {
  name: string;
  hosts: string[];
  source: string;
  provider?: string | null;
}

export interface Ask {
  prompt?: string;
  messages?: MessageInfo[];
  system?: string;
  provider?: string;
  model?: string;
  credential?: string;
  base_url?: string;
  settings?: Record<string, unknown>;
  seed?: string | null;
  replay?: "auto" | "refresh" | "only" | "off";
}

export interface Again {
  again: string;
  seed: string;
}

export type Event =
  | { delta: { text?: string; reasoning?: string } }
  | { completion: Entry }
  | { error: Problem };

export interface Problem {
  message: string;
  hint?: string | null;
  field?: string | null;
  kind?: string;
}

/** What the server, or the way to it, said no with. `status` is 0 where there was no answer. */
export class ApiError extends Error {
  readonly hint: string;
  readonly field: string;
  readonly kind: string;

  constructor(
    problem: Problem,
    readonly status = 0,
  ) {
    super(problem.message);
    this.name = "ApiError";
    this.hint = problem.hint ?? "";
    this.field = problem.field ?? "";
    this.kind = problem.kind ?? "";
  }
}

/** An own header makes a foreign page ask first (a preflight), and it is never answered. */
const HEADERS = { "X-Antiphon": "1", Accept: "application/json" };

export class Api {
  constructor(readonly host: Host = sameOrigin) {}

  state(): Promise<State> {
    return this.get("state");
  }

  async pair(code: string): Promise<void> {
    await this.send("pair", { code });
  }

  history(query: Query = {}, signal?: AbortSignal): Promise<Page> {
    const { pinned, ...rest } = query;
    return this.get(`history${asked({ ...rest, pinned: pinned ? 1 : undefined })}`, signal);
  }

  entry(key: string, signal?: AbortSignal): Promise<Entry> {
    return this.get(`history/${encodeURIComponent(key)}`, signal);
  }

  media(key: string, sha256: string): string {
    return this.host.url(`/antiphon/history/${encodeURIComponent(key)}/media/${encodeURIComponent(sha256)}`);
  }

  workflow(key: string): Promise<unknown> {
    return this.get(`history/${encodeURIComponent(key)}/workflow`);
  }

  async pin(key: string, pinned: boolean): Promise<void> {
    await this.send(`history/${encodeURIComponent(key)}/pin`, { pinned });
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.send("history/delete", { keys });
  }

  async exported(keys: readonly string[]): Promise<{ blob: Blob; name: string }> {
    const response = await this.send("history/export", { keys });
    const told = response.headers.get("content-disposition") ?? "";
    const name = /filename\*=UTF-8''([^;]+)/i.exec(told)?.[1] ?? /filename="?([^";]+)"?/i.exec(told)?.[1];
    return { blob: await response.blob(), name: decodeURIComponent(name ?? "recordings") };
  }

  totals(days = 30, signal?: AbortSignal): Promise<Totals> {
    return this.get(`totals${asked({ days })}`, signal);
  }

  models(
    query: { provider: string; credential?: string; base_url?: string; refresh?: boolean },
    signal?: AbortSignal,
  ): Promise<Models> {
    return this.get(`models${asked({ ...query, refresh: query.refresh ? 1 : undefined })}`, signal);
  }

  credentials(): Promise<Credential[]> {
    return this.get("credentials");
  }

  async addCredential(body: {
    name: string;
    value: string;
    provider?: string;
    hosts?: string[];
  }): Promise<void> {
    await this.send("credentials", body);
  }

  async testCredential(body: {
    name: string;
    provider: string;
    base_url?: string;
  }): Promise<{ ok: boolean; message: string; status?: number }> {
    return (await this.send("credentials/test", body)).json();
  }

  async removeCredential(name: string): Promise<void> {
    await this.send("credentials/remove", { name });
  }

  /** Moves a key out of a widget; the answer is what to write there instead. */
  async keepCredential(body: {
    value: string;
    provider: string;
    endpoint?: string;
  }): Promise<{ reference: string }> {
    return (await this.send("credentials/keep", body)).json();
  }

  /** Asks for a completion: pieces as they come, at last the completion or an error. Abort to stop it. */
  async *complete(body: Ask | Again, signal?: AbortSignal): AsyncGenerator<Event> {
    const response = await this.send("complete", body, signal);
    if (response.body === null) throw new ApiError({ message: "no answer body" }, response.status);
    for await (const line of lines(response.body)) yield line as Event;
  }

  private async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await this.fetched(path, { headers: HEADERS, signal: signal ?? null });
    return (await response.json()) as T;
  }

  private send(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return this.fetched(path, {
      method: "POST",
      headers: { ...HEADERS, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  }

  private async fetched(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.host.fetch(`/antiphon/${path}`, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError({ message: String(error), kind: "unreachable" });
    }
    if (response.ok) return response;
    throw new ApiError(await told(response), response.status);
  }
}

/** The error that a reply holds, whatever it is. */
async function told(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const error = (JSON.parse(text) as { error?: Problem | string }).error;
    if (typeof error === "object" && typeof error.message === "string") return error;
    if (typeof error === "string") return { message: error };
  } catch {
    // no JSON: a proxy's page, perhaps
  }
  return { message: `${response.status} ${response.statusText || text.slice(0, 200)}` };
}

function asked(query: Record<string, string | number | undefined>): string {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}
