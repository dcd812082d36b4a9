import { vi } from "vitest";

/** Waits until a condition holds; fails with its name after two seconds. */
export async function until(name: string, condition: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`never came true: ${name}`);
    },
    { timeout: 2000, interval: 5 },
  );
}
