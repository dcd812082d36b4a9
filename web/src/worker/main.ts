// The phone's service worker. It is built as one classic script of its own: not every browser that
// takes pushes runs a worker made of modules.

import { indexedDbKeyStore } from "../sdk/indexeddb.ts";
import { PhoneWorker } from "./phoneworker.ts";

declare const self: ServiceWorkerGlobalScope;

const { registration, clients } = self;
const phone = new PhoneWorker({ registration, clients, keys: indexedDbKeyStore() });

// A newer worker serves at once: it shares nothing with pages but the keys and two messages.
self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(phone.push(event.data?.text() ?? "")));
self.addEventListener("notificationclick", (event) =>
  event.waitUntil(phone.open(event.notification.tag)),
);
self.addEventListener("pushsubscriptionchange", (event) =>
  event.waitUntil(phone.renew(event.newSubscription)),
);
