import { expect, test } from "vitest";
import { Api, ApiError, type Host } from "../src/api";

/** A host that keeps what was sent and gives `answer`. */
function host(answer: () => Response): { api: Api; sent: { path: string; init: RequestInit }[] } {
  const sent: { path: string; init: RequestInit }[] = [];
  const way: Host = {
    fetch: async (path, init = {}) => {
      sent.push({ path, init });
      return answer();
    },
    url: path => `/api${path}`,
  };
  return { api: new Api(way), sent };
}

test("every request has the header that keeps foreign pages out, and posts are JSON", async () => {
  const { api, sent } = host(() => Response.json({}));
  await api.state();
  await api.pin("a/b", true);
  expect(sent.map(({ path }) => path)).toEqual(["/antiphon/state", "/antiphon/history/a%2Fb/pin"]);
  for (const { init } of sent) expect((init.headers as Record<string, string>)["X-Antiphon"]).toBe("1");
  expect((sent[1]!.init.headers as Record<string, string>)["Content-Type"]).toBe("application/json");
  expect(sent[1]!.init.body).toBe('{"pinned":true}');
});

test("a query holds what was asked and nothing empty", async () => {
  const { api, sent } = host(() => Response.json({}));
  await api.history({ search: "a & b", provider: "", pinned: true, limit: 50 });
  await api.history({ pinned: false });
  expect(sent.map(({ path }) => path)).toEqual([
    "/antiphon/history?search=a+%26+b&limit=50&pinned=1",
    "/antiphon/history",
  ]);
});

test("models are asked for over the network only when told so", async () => {
  const { api, sent } = host(() => Response.json({}));
  await api.models({ provider: "x" });
  await api.models({ provider: "x", refresh: true });
  expect(sent.map(({ path }) => path)).toEqual([
    "/antiphon/models?provider=x",
    "/antiphon/models?provider=x&refresh=1",
  ]);
});

test("an error of the server's has its message, hint and field", async () => {
  const { api } = host(() =>
    Response.json({ error: { message: "no", hint: "do", field: "seed" } }, { status: 400 }),
  );
  const error = await api.state().catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ message: "no", hint: "do", field: "seed", status: 400 });
});

test("an error that is no JSON still says its status", async () => {
  const { api } = host(() => new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
  await expect(api.state()).rejects.toMatchObject({ message: "502 Bad Gateway", status: 502 });
});

test("a server that is gone is told apart", async () => {
  const api = new Api({ fetch: () => Promise.reject(new TypeError("Failed to fetch")), url: path => path });
  await expect(api.state()).rejects.toMatchObject({ kind: "unreachable", status: 0 });
});

test("a completion is its pieces and its end", async () => {
  const body = '{"delta":{"text":"a"}}\n{"completion":{"text":"a"}}\n';
  const { api } = host(() => new Response(body));
  const events = [];
  for await (const event of api.complete({ prompt: "x", provider: "p", model: "m" })) events.push(event);
  expect(events).toEqual([{ delta: { text: "a" } }, { completion: { text: "a" } }]);
});
