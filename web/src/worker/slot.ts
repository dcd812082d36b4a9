/** The slot of a phone by its page's query: several phones may live in one browser. */
export function slotOf(search: string): string {
  const slot = new URLSearchParams(search).get("slot") ?? "";
  return /^[1-9]$/.test(slot) ? slot : "1";
}

/**
 * Path and query of a phone's page. It is the scope of its worker as well, so that each phone of a
 * browser has a registration, and with it a push subscription, of its own: of two scopes that fit,
 * the longer one serves (Service Workers, "Match Service Worker Registration").
 */
export function pageOf(slot: string): string {
  return slot === "1" ? "/phone" : `/phone?slot=${slot}`;
}
