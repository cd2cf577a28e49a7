/** Colours and shapes as CSS variables: ComfyUI's where its page sets them, else our own, light or dark.

`--antiphon-scheme: dark` (or `light`) on an ancestor decides where the host's theme is not the system's. The contrast of
our own pairs is AA (4.5 : 1 for words, 3 : 1 for edges of controls). */

import { css } from "lit";

export const tokens = css`
  :host {
    --a-bg: var(--comfy-menu-bg, light-dark(#ffffff, #1b1b1f));
    --a-fg: var(--fg-color, light-dark(#1c1c1e, #ececf0));
    --a-field: var(--comfy-input-bg, light-dark(#ffffff, #26262c));
    --a-field-fg: var(--input-text, var(--a-fg));
    --a-quiet: color-mix(in srgb, var(--a-fg) 76%, var(--a-bg));
    --a-line: color-mix(in srgb, var(--a-fg) 18%, var(--a-bg));
    --a-edge: color-mix(in srgb, var(--a-fg) 55%, var(--a-bg));
    --a-raised: color-mix(in srgb, var(--a-fg) 6%, var(--a-bg));
    --a-chosen: color-mix(in srgb, var(--a-accent) 16%, var(--a-bg));
    --a-accent: light-dark(#2453c4, #9db9ff);
    --a-on-accent: light-dark(#ffffff, #10131a);
    --a-bad: light-dark(#b3261e, #ff9d94);
    --a-good: light-dark(#14692f, #7fdc9b);
    --a-gone: light-dark(#ffd9d6, #6b2320);
    --a-come: light-dark(#cdf3d6, #1f5230);
    --a-mono: ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono", monospace;
    color-scheme: var(--antiphon-scheme, light dark);
    color: var(--a-fg);
    font: 14px/1.45 system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  }
`;

/** What every component looks the same in. */
export const basics = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  [hidden] {
    display: none !important;
  }

  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }

  ul,
  ol {
    list-style: none;
  }

  h2 {
    font-size: 1.15rem;
    line-height: 1.3;
  }

  h3 {
    font-size: 0.95rem;
    line-height: 1.3;
  }

  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }

  input:not([type="checkbox"], [type="radio"]),
  select,
  textarea {
    width: 100%;
    min-width: 0;
    min-height: 34px;
    padding: 5px 8px;
    border: 1px solid var(--a-edge);
    border-radius: 6px;
    background: var(--a-field);
    color: var(--a-field-fg);
  }

  input[type="checkbox"] {
    width: 18px;
    height: 18px;
    margin: 0;
    accent-color: var(--a-accent);
  }

  ::placeholder {
    color: color-mix(in srgb, var(--a-field-fg) 72%, var(--a-field));
    opacity: 1;
  }

  textarea {
    resize: vertical;
    line-height: 1.45;
  }

  button {
    min-height: 32px;
    padding: 4px 12px;
    border: 1px solid var(--a-edge);
    border-radius: 6px;
    background: var(--a-raised);
    cursor: pointer;
  }

  button:hover:not(:disabled, [aria-disabled="true"]) {
    background: var(--a-chosen);
  }

  /* A button that is busy stays reachable: one that is disabled under the focus would lose it. */
  button:disabled,
  button[aria-disabled="true"] {
    cursor: default;
    opacity: 0.55;
  }

  button.first {
    border-color: var(--a-accent);
    background: var(--a-accent);
    color: var(--a-on-accent);
  }

  button.first:hover:not(:disabled, [aria-disabled="true"]) {
    background: color-mix(in srgb, var(--a-accent) 88%, var(--a-fg));
  }

  button.danger {
    border-color: var(--a-bad);
    color: var(--a-bad);
  }

  button.plain {
    border-color: transparent;
    background: transparent;
    padding: 4px 8px;
  }

  button[aria-pressed="true"] {
    background: var(--a-chosen);
    border-color: var(--a-accent);
  }

  :focus-visible {
    outline: 2px solid var(--a-accent);
    outline-offset: 2px;
  }

  label {
    display: grid;
    gap: 3px;
    font-size: 0.85rem;
    color: var(--a-quiet);
  }

  label.inline {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }

  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
  }

  .grow {
    flex: 1 1 12rem;
    min-width: 0;
  }

  .quiet {
    color: var(--a-quiet);
    font-size: 0.85rem;
  }

  .problem {
    padding: 8px 10px;
    border: 1px solid var(--a-bad);
    border-radius: 6px;
    color: var(--a-bad);
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }

  .foreign {
    unicode-bidi: isolate;
    overflow-wrap: anywhere;
  }

  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  summary {
    cursor: pointer;
    min-height: 24px;
    border-radius: 4px;
  }

  table {
    border-collapse: collapse;
    width: 100%;
    font-size: 0.85rem;
  }

  th,
  td {
    padding: 3px 8px 3px 0;
    text-align: start;
    vertical-align: top;
    border-bottom: 1px solid var(--a-line);
    overflow-wrap: anywhere;
  }

  td.n,
  th.n {
    text-align: end;
    font-variant-numeric: tabular-nums;
    overflow-wrap: normal;
  }

  dialog {
    max-width: min(32rem, calc(100vw - 32px));
    padding: 16px;
    border: 1px solid var(--a-edge);
    border-radius: 8px;
    background: var(--a-bg);
    color: var(--a-fg);
  }

  dialog::backdrop {
    background: rgb(0 0 0 / 45%);
  }

  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none !important;
      animation: none !important;
      scroll-behavior: auto !important;
    }
  }
`;
