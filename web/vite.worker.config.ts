import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// The service worker: one classic script at an address that stays, beside the pages' build.
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    modulePreload: false,
    rolldownOptions: {
      input: fileURLToPath(new URL("src/worker/main.ts", import.meta.url)),
      output: { format: "iife", entryFileNames: "phone-worker.js" },
    },
  },
});
