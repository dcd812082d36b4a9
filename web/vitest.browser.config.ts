import { defineConfig } from "vitest/config";

// The browser tests drive a real Chromium against the real program, one file after the other.
export default defineConfig({
  test: {
    environment: "node",
    include: process.env.NOD_SCREENSHOTS ? ["e2e/screenshots.ts"] : ["e2e/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
