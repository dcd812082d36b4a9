import { configure } from "@testing-library/react";
import { vi } from "vitest";
import { nodeSocket, TestServer } from "../../sdk/testing/server";

// A busy machine may take a while; a test that passes never waits for it.
configure({ asyncUtilTimeout: 5000 });

/**
 * What jsdom lacks of a browser, for the test of a whole page. Its network above all: what the page asks of its own
 * origin reaches a real server, which answers what the test says. Undone by `closeNetwork`.
 */
export async function openNetwork(): Promise<TestServer> {
  const server = await TestServer.start();
  const fetchThere = globalThis.fetch;
  const there = (url: string | URL) => String(url).replace(location.host, hostOf(server));
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => fetchThere(there(url), init));
  vi.stubGlobal(
    "WebSocket",
    class extends nodeSocket {
      constructor(url: string, protocols: string[]) {
        super(there(url), protocols);
      }
    },
  );
  vi.stubGlobal("indexedDB", memoryDatabase());
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  return server;
}

/** Ends it; nothing is left in the browser's storage. */
export async function closeNetwork(server: TestServer): Promise<void> {
  vi.unstubAllGlobals();
  localStorage.clear();
  sessionStorage.clear();
  await server.stop();
}

function hostOf(server: TestServer): string {
  return new URL(server.baseUrl).host;
}

// As much of IndexedDB as the key store uses; jsdom has none.
function memoryDatabase() {
  const records = new Map<string, unknown>();
  const answer = (result?: unknown) => {
    const request = { result, onsuccess: () => {}, onupgradeneeded: () => {} };
    queueMicrotask(() => {
      request.onupgradeneeded();
      request.onsuccess();
    });
    return request;
  };
  const store = {
    get: (key: string) => answer(records.get(key)),
    put: (value: unknown, key: string) => answer(records.set(key, value)),
    delete: (key: string) => answer(records.delete(key)),
  };
  const database = {
    createObjectStore: () => store,
    transaction: () => ({ objectStore: () => store }),
    close: () => {},
  };
  return { open: () => answer(database) };
}
