import { vi } from "vitest";
import type { TestServer } from "../../sdk/testing/server";

/** The one person of these tests. */
export const ada = {
  demo_token: "demo-1",
  user: "demo_ada",
  name: "Ada Moreno",
  phone_number: "+14155550123",
};

/** Lets the demo's bank know its person. */
export function openBank(server: TestServer): void {
  server.on("POST /demo/people", () => ({ status: 201, body: ada }));
  server.on("GET /demo/me", () => ({ body: ada }));
}

/** What a page asked of one route so far, oldest first. */
export function asked(server: TestServer, route: string) {
  return server.requests.filter(({ method, path }) => `${method} ${path.split("?")[0]}` === route);
}

/** Waits for the next time that a page asks this of a route. */
export async function untilAsked(server: TestServer, route: string, times = 1) {
  const wanted = () => {
    const found = asked(server, route);
    if (found.length < times) throw new Error(`${route} was asked for ${found.length} times`);
    return found[times - 1] as (typeof found)[number];
  };
  return await vi.waitFor(wanted, { timeout: 5000 });
}
