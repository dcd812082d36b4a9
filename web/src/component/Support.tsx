import { Icon } from "../theme/Icon";
import { useSay } from "./texts";
import "./Support.css";

/** Whom to ask: a mail address, a number or a page becomes a link, all else stays words. */
export function Support({ contact }: { contact: string }) {
  const say = useSay();
  const link = linkOf(contact);
  const words = say("ways.support", { contact });
  return (
    <p className="nod-support">
      <Icon name="shield" />
      {link ? <a href={link}>{words}</a> : <span>{words}</span>}
    </p>
  );
}

function linkOf(contact: string): string | null {
  if (/^https:\/\/\S+$/.test(contact)) return contact;
  if (/^[^\s@]+@[^\s@]+$/.test(contact)) return `mailto:${contact}`;
  if (/^\+?[\d ()/.-]{5,}$/.test(contact)) return `tel:${contact.replace(/[^\d+]/g, "")}`;
  return null;
}
