import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Node is the default, so that the SDK's tests prove it needs no page; a component's test
// asks for one with `// @vitest-environment jsdom` in its first line.
export default defineConfig({
  plugins: [react()],
  test: {
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    pool: "threads", // both lighter and quicker than processes
    maxWorkers: "100%",
    testTimeout: 20_000, // a busy machine takes a while; what hangs still ends
  },
});
