import type { ReactNode } from "react";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import type { Reach } from "./webpush";

/** Offers notifications, or says why there are none and what to do. Nothing while they are off. */
export function ReachCard({
  reach,
  busy,
  onTurnOn,
  onTurnOff,
}: {
  reach: Reach;
  busy: boolean;
  onTurnOn: () => void;
  onTurnOff: () => void;
}) {
  if (reach === "off") return null;
  const turnOn = (words: string) => (
    <Button busy={busy} onClick={onTurnOn}>
      {words}
    </Button>
  );
  const cards: Record<
    Exclude<Reach, "off">,
    { title: string; text: string; action?: ReactNode }
  > = {
    ask: {
      title: "Get requests even when this page is closed",
      text: "Your browser shows a notification that gives nothing away.",
      action: turnOn("Turn on notifications"),
    },
    on: {
      title: "Notifications are on",
      text: "Requests reach you when this page is closed.",
      action: (
        <Button tone="quiet" busy={busy} onClick={onTurnOff}>
          Turn off
        </Button>
      ),
    },
    blocked: {
      title: "Notifications are blocked",
      text: "Your browser keeps them from you. Open the settings beside the page's address, allow notifications, and come back.",
    },
    install: {
      title: "Add nod to your Home Screen",
      text: "On an iPhone or iPad, notifications need it there. Tap Share, then Add to Home Screen, and open nod from its icon.",
    },
    unsupported: {
      title: "No notifications in this browser",
      text: "It cannot wake a page that is closed. Requests arrive while this page is open.",
    },
    unreachable: {
      title: "This browser's push service cannot be reached",
      text: "Requests arrive while this page is open. Check your connection, then try again.",
      action: turnOn("Try again"),
    },
  };
  const { title, text, action } = cards[reach];
  return (
    <section className="reach" aria-label="Notifications of this browser" aria-live="polite">
      <Notice tone={reach === "on" ? "good" : "plain"} icon="push" title={title} action={action}>
        {text}
      </Notice>
    </section>
  );
}
