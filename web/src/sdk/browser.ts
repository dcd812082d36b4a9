// The one file of the SDK that knows a page; the core never imports it.

/** Whatever may be told that someone looks again. */
export interface Wakeable {
  wake(): void;
}

/**
 * Wakes a connection when the page is shown again or the network is back, instead of letting it
 * find out by itself. The answer ends that.
 */
export function wakeWithPage(target: Wakeable): () => void {
  const wake = () => {
    if (document.visibilityState === "visible") target.wake();
  };
  document.addEventListener("visibilitychange", wake);
  globalThis.addEventListener("online", wake);
  globalThis.addEventListener("pageshow", wake);
  return () => {
    document.removeEventListener("visibilitychange", wake);
    globalThis.removeEventListener("online", wake);
    globalThis.removeEventListener("pageshow", wake);
  };
}
