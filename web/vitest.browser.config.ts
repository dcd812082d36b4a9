import { defineConfig } from "vitest/config";

// Pictures to draw in place of the tests: screenshots or icons.
const draw = process.env.NOD_DRAW;

// The browser tests drive a real Chromium against the real program, one file after the other.
export default defineConfig({
  test: {
    environment: "node",
    include: [draw ? `e2e/${draw}.ts` : "e2e/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
