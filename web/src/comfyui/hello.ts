/** What the page and the server tell each other at the start: who shows answers, and which nodes are ours. */

import type { Told } from "./answers";
import { host, messages } from "./app";

export interface KeyInfo {
  /** The widgets that make up the key; the name of a stored one goes into the first. */
  inputs: string[];
  /** What a key looks like: a text that does not match is left alone. */
  pattern: string;
}

export interface ModelInfo {
  /** The widget that the model's name goes into. */
  input: string;
  /** Whose models, where the class says it. */
  provider?: string;
}

export interface ApiInfo {
  /** Whose API, where the class says it. */
  provider?: string;
  /** The widgets that say it otherwise, and the address and the key. */
  from?: string;
  address?: string;
  credential?: string;
}

export interface Hello {
  answers: Told[];
  answering: string[];
  keys: Record<string, KeyInfo>;
  models: Record<string, ModelInfo>;
  apis: Record<string, ApiInfo>;
}

const HEADERS = { "Content-Type": "application/json", "X-Antiphon": "1" };

/** Says that this page shows answers itself, and what it needs to know. Nothing where our server is not there. */
export async function hello(): Promise<Hello | undefined> {
  try {
    const reply = await host.fetch("/antiphon/comfyui/page", {
      method: "POST",
      headers: HEADERS,
      body: JSON.stringify({ client: messages()?.clientId ?? "" }),
    });
    return reply.ok ? ((await reply.json()) as Hello) : undefined;
  } catch {
    return undefined;
  }
}

/** Moves the key in these widgets to the key file; what stands in the first of them now. */
export async function move(kind: string, inputs: Record<string, string>): Promise<string> {
  const reply = await host.fetch("/antiphon/comfyui/move", {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify({ kind, inputs }),
  });
  const told = (await reply.json()) as { reference?: string; error?: { message?: string; hint?: string } };
  if (!reply.ok || !told.reference) {
    const error = new Error(
      [told.error?.message ?? reply.statusText, told.error?.hint].filter(Boolean).join("\n"),
    );
    error.name = String(reply.status);
    throw error;
  }
  return told.reference;
}
