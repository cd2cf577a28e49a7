/** New nodes of ours keep their seed: some versions of the page take "fixed" for the widget's name, and randomize. */

import { type GraphNode, kind, type Widget } from "./app";

/** Called while a node is made: a saved graph writes its own values over this afterwards. */
export function hold(node: GraphNode): void {
  if (!kind(node).startsWith("Antiphon")) return;
  const seed = node.widgets?.findIndex(widget => widget.name === "seed") ?? -1;
  const control = seed < 0 ? undefined : node.widgets?.[seed + 1];
  if (control !== undefined && controls(control)) control.value = "fixed";
}

function controls(widget: Widget): boolean {
  const values = widget.options?.values;
  return Array.isArray(values) && values.includes("randomize") && values.includes("fixed");
}
