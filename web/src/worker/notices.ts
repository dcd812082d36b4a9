// Drawn from the mark; see public/assets in the README.
const icon = "/assets/app-192.png";
const badge = "/assets/badge-96.png";
/** A request lives two minutes; its true end is known once it was read. */
const LIFE_MS = 120_000;

/** What a notification is made of here; TypeScript's own type lacks `renotify`. */
export interface NoticeOptions {
  body: string;
  tag: string;
  icon: string;
  badge: string;
  renotify: boolean;
  requireInteraction: boolean;
  silent: boolean;
  data: { endsAt: number };
}

/** A notification on the screen. */
export interface Notice {
  readonly tag: string;
  readonly data: unknown;
  close(): void;
}

/** As much of a ServiceWorkerRegistration as shows notifications. */
export interface Notifier {
  showNotification(title: string, options: NoticeOptions): Promise<void>;
  getNotifications(filter?: { tag?: string }): Promise<Notice[]>;
}

/** The words of a request; a locked screen is read by anybody, so they name nothing of it. */
export interface Words {
  title: string;
  body: string;
}

/** What stands there when nobody gave better words. */
const plain: Words = { title: "Sign-in request", body: "Is this you? Open to answer." };

/**
 * Shows a request: one notification each, by its tag, that stays until the person does something.
 * `endsAt` is in epoch milliseconds.
 */
export async function showRequest(
  notifier: Notifier,
  verificationId: string,
  words: Words = plain,
  endsAt = Date.now() + LIFE_MS,
): Promise<void> {
  await notifier.showNotification(words.title || plain.title, {
    ...look(verificationId, endsAt),
    body: words.body || plain.body,
    renotify: true,
    requireInteraction: true,
    silent: false,
  });
}

/**
 * Shows for a moment that there is nothing to do, in the place of the request if it stands there.
 *
 * A page may be woken by push only because it promised to show something each time
 * (`userVisibleOnly`, Push API). Chrome forgives a few pushes that showed nothing and then shows a
 * notification in the page's place; Safari counts them and withdraws the subscription
 * (webkit.org/blog/12945/meet-web-push). Both see a notification here, and the person keeps none.
 */
export async function showPassing(notifier: Notifier, tag: string): Promise<void> {
  await notifier.showNotification(plain.title, {
    ...look(tag, 0),
    body: "This request is over.",
    renotify: false,
    requireInteraction: false,
    silent: true,
  });
  await closeRequest(notifier, tag);
}

/** Takes a request from the screen. */
export async function closeRequest(notifier: Notifier, tag: string): Promise<void> {
  for (const notice of await notifier.getNotifications({ tag })) notice.close();
}

/** Takes from the screen what nobody can answer any more. */
export async function closeEnded(notifier: Notifier, now = Date.now()): Promise<void> {
  for (const notice of await notifier.getNotifications()) {
    const { endsAt } = (notice.data ?? {}) as { endsAt?: unknown };
    if (typeof endsAt === "number" && endsAt <= now) notice.close();
  }
}

function look(tag: string, endsAt: number) {
  return { tag, icon, badge, data: { endsAt } };
}
