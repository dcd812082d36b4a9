import type { Device, PushTarget } from "../../sdk";
import { pageOf } from "../../worker/slot";
import { subscribe, targetOf } from "../../worker/subscription";
import { isNobody, isWebPush, type Senders } from "../senders";

/** Whether requests can reach this phone while its page is closed. */
export type Reach =
  /** Nothing to say: the server has it off, or it is not known yet. */
  | "off"
  | "ask"
  | "on"
  /** The person said no to the browser once; it asks no more. */
  | "blocked"
  /** iOS gives pushes to pages on the home screen only. */
  | "install"
  | "unsupported"
  /** The browser's own push service gave no address. */
  | "unreachable";

/** A browser without a way to its push service waits for ever. */
const SUBSCRIBE_MS = 15_000;

/** What this browser can do, before anybody asked it to. */
export function ability(): "install" | "unsupported" | "blocked" | "able" {
  const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (!able) return isApple() ? "install" : "unsupported";
  return Notification.permission === "denied" ? "blocked" : "able";
}

// An iPad calls itself a Mac, and no Mac has fingers on it.
function isApple(): boolean {
  const { userAgent, maxTouchPoints } = navigator;
  return /iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

/** Whether notifications can come to a phone at all, over whoever brings them. */
export function canNotify(reach: Reach, senders: Senders): boolean {
  // A server with Web Push simulates no other pushes.
  if (reach !== "off" || isWebPush(senders)) return reach === "on";
  return !isNobody(senders.push);
}

/** The worker of this phone; null before its notifications were ever on. */
export async function workerOf(slot: string): Promise<ServiceWorkerRegistration | null> {
  const scope = new URL(pageOf(slot), location.origin).href;
  const found = await navigator.serviceWorker.getRegistration(scope);
  // Of another phone's worker that would serve this page too, this phone knows nothing.
  return found?.scope === scope ? found : null;
}

/**
 * Asks the person, from their click, starts the worker and subscribes: null when they said no.
 * Rejects with the browser's DOMException when its push service cannot be had.
 */
export async function turnOn(slot: string, key: string): Promise<PushSubscription | null> {
  if ((await Notification.requestPermission()) !== "granted") return null;
  const worker = await navigator.serviceWorker.register("/phone-worker.js", {
    scope: pageOf(slot),
  });
  await active(worker);
  return await inTime(subscribe(worker.pushManager, key));
}

/** The subscription that stands, made anew where the server's key is another since. */
export async function standing(
  worker: ServiceWorkerRegistration | null,
  key: string,
): Promise<PushSubscription | null> {
  const found = await worker?.pushManager.getSubscription();
  if (!worker || !found || Notification.permission !== "granted") return null;
  const used = found.options.applicationServerKey;
  if (used && asKey(used) === key) return found;
  await found.unsubscribe();
  return await inTime(subscribe(worker.pushManager, key));
}

/**
 * Tells the server where the device is reached, once for each device and address; null: nowhere,
 * for a server with Web Push simulates no other pushes.
 */
export async function tellOnce(
  slot: string,
  device: Device,
  subscription: PushSubscription | null,
): Promise<void> {
  const told = `${device.record.id} ${subscription?.endpoint ?? "nowhere"}`;
  if (localStorage.getItem(toldKey(slot)) === told) return;
  await device.setPush(subscription && targetOf(subscription));
  localStorage.setItem(toldKey(slot), told);
}

/** Gives the server another target in the place of what it was told, if it was told anything. */
export async function takeBack(slot: string, device: Device, target: PushTarget): Promise<void> {
  if (localStorage.getItem(toldKey(slot)) === null) return;
  await device.setPush(target);
  forgetTold(slot);
}

/** Forgets that the server was told. */
export function forgetTold(slot: string): void {
  localStorage.removeItem(toldKey(slot));
}

const toldKey = (slot: string) => `nod.phone.${slot}.webpush`;

function asKey(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function active(worker: ServiceWorkerRegistration): Promise<void> {
  const coming = worker.installing ?? worker.waiting;
  if (worker.active || !coming) return Promise.resolve();
  return new Promise((resolve, reject) => {
    coming.addEventListener("statechange", () => {
      if (coming.state === "activated") resolve();
      if (coming.state === "redundant") reject(new DOMException("no worker", "AbortError"));
    });
  });
}

async function inTime(work: Promise<PushSubscription>): Promise<PushSubscription> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DOMException("too slow", "TimeoutError")), SUBSCRIBE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
