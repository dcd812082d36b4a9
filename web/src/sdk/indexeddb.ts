import type { DeviceRecord, KeyStore } from "./keys.ts";

const STORE = "devices";

/**
 * Keeps devices in IndexedDB, which stores the key objects themselves: a page can use them again
 * after a reload and can never read them. Every method rejects with the browser's DOMException
 * when storage is refused.
 */
export function indexedDbKeyStore(database = "nod"): KeyStore {
  const run = async <Value>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<Value>,
  ): Promise<Value> => {
    const db = await open(database);
    try {
      return await finished(work(db.transaction(STORE, mode).objectStore(STORE)));
    } finally {
      db.close();
    }
  };
  return {
    load: async (slot) =>
      ((await run("readonly", (store) => store.get(slot))) as DeviceRecord | undefined) ?? null,
    save: async (slot, record) => {
      await run("readwrite", (store) => store.put(record, slot));
    },
    remove: async (slot) => {
      await run("readwrite", (store) => store.delete(slot));
    },
  };
}

function open(database: string): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return finished(request);
}

function finished<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
