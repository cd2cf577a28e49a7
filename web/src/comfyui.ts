/** The extension of ComfyUI's page. Each part stands alone: what a version of the page does not have is left out. */

import type { GraphNode } from "./comfyui/app";
import { app, guarded, messages, setting } from "./comfyui/app";
import { hello } from "./comfyui/hello";
import * as keys from "./comfyui/keys";
import * as live from "./comfyui/live";
import * as panels from "./comfyui/panels";
import { hold } from "./comfyui/seeds";
import { word } from "./comfyui/words";
import { languageOf, setLanguage } from "./i18n";

const PATIENCE = 3000; // milliseconds that the page waits for our server when it starts

let greeted: string | undefined;

/** Says hello once for each name that the server gives this page. */
async function greet(again = false): Promise<void> {
  const client = messages()?.clientId ?? "";
  if (client === greeted && !again) return;
  greeted = client;
  const told = await hello();
  if (told === undefined) return;
  live.known(told);
  keys.watch(told);
  panels.known(told);
}

function speak(): void {
  setLanguage(languageOf(String(setting("Comfy.Locale") ?? navigator.language)));
}

/** Where ComfyUI's page says that it is dark: in its body, and newer versions at the root. */
const dressed = () => [document.documentElement, document.body];

/** Has our elements be dark or light as ComfyUI's page is, whatever the system is. */
function dress(): void {
  const dark = dressed().some(element => element.classList.contains("dark-theme"));
  document.documentElement.style.setProperty("--antiphon-scheme", dark ? "dark" : "light");
}

/** Awaited by the page before it makes nodes: they are ours to change from the beginning. */
async function begin(): Promise<void> {
  guarded("language", speak);
  guarded("language", () =>
    app()?.ui?.settings?.addEventListener?.("Comfy.Locale.change", () => setTimeout(speak)),
  );
  guarded("theme", dress);
  guarded("theme", () => {
    const watch = new MutationObserver(dress);
    for (const element of dressed()) watch.observe(element, { attributes: true, attributeFilter: ["class"] });
  });
  guarded("answers", live.listen);
  guarded("keys", keys.listen);
  guarded("hello", () => messages()?.addEventListener("status", () => guarded("hello", () => greet())));
  guarded("hello", () =>
    messages()?.addEventListener("reconnected", () => guarded("hello", () => greet(true))),
  );
  guarded("history", () => app()?.extensionManager?.registerSidebarTab?.(panels.tab));
  await Promise.race([guarded("hello", () => greet()), new Promise(done => setTimeout(done, PATIENCE))]);
}

guarded("language", speak);

app()?.registerExtension({
  name: "antiphon",
  setup: begin,
  settings: [
    {
      id: "Antiphon.Keys",
      category: ["Antiphon", word("credentials"), word("credentials")],
      name: word("credentials"),
      tooltip: word("credentialsHint"),
      type: panels.keysSetting,
      defaultValue: "",
    },
  ],
  commands: [
    {
      id: "Antiphon.ManageKeys",
      label: `Antiphon: ${word("credentialsOpen")}`,
      icon: "pi pi-key",
      function: panels.manageKeys,
    },
  ],
  menuCommands: [{ path: ["Extensions", "Antiphon"], commands: ["Antiphon.ManageKeys"] }],
  nodeCreated: (node: GraphNode) => {
    guarded("seed", () => hold(node));
    guarded("models", () => panels.offer(node));
    guarded("answers", () => live.prepare(node));
    guarded("keys", () => keys.prepare(node));
  },
  afterConfigureGraph: () => {
    setTimeout(() => guarded("answers", live.restore)); // the page says a moment later which workflow it is
    guarded("keys", keys.lookAtAll);
  },
});
