import { defineConfig } from "vitest/config";

// Two outputs of one code base, both committed. Not minified: ComfyUI's registry wants readable files, and so do we.
// One file each: ComfyUI's page loads every *.js below its web folder by itself.
export default defineConfig(({ mode }) => ({
  base: "./",
  publicDir: false as const,
  build: {
    target: "es2022",
    minify: false,
    cssMinify: false,
    modulePreload: false as const,
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
    ...(mode === "comfyui"
      ? {
          outDir: "../src/antiphon/comfyui/web",
          emptyOutDir: false, // the help pages of the nodes are there as well
          rolldownOptions: {
            input: "src/comfyui.ts",
            external: [/^(\.\.\/)+scripts\//], // ComfyUI's own modules
            output: { entryFileNames: "antiphon.js", codeSplitting: false },
          },
        }
      : {
          outDir: "../src/antiphon/pages/static",
          emptyOutDir: true,
          rolldownOptions: {
            input: "index.html",
            output: { entryFileNames: "ui.js", assetFileNames: "[name][extname]", codeSplitting: false },
          },
        }),
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
}));
