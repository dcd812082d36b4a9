import { useState } from "react";
import { ago } from "../../component/time";
import { Icon } from "../../theme/Icon";
import { Mark } from "../../theme/Mark";
import type { Notification } from "./model";
import { useMinute } from "./useMinute";

const apps = { sms: "Messages", voice: "Phone", email: "Mail" } as const;

/** One notification: a request that can be opened, or a text with its code to copy. */
export function NotificationCard({
  notification,
  onOpen,
  disabled,
}: {
  notification: Notification;
  onOpen: () => void;
  disabled: boolean;
}) {
  const now = useMinute();
  if (notification.kind === "request") {
    return (
      <button type="button" className="card card-request" onClick={onOpen} disabled={disabled}>
        <Mark />
        <span className="card-words">
          <span className="card-app">
            nod <span>{ago(notification.at, now)}</span>
          </span>
          <strong>Sign-in request</strong>
          <span>Is this you? Open to answer.</span>
        </span>
      </button>
    );
  }
  return (
    <div className="card">
      <span className="card-badge">
        <Icon name={notification.channel} />
      </span>
      <div className="card-words">
        <span className="card-app">
          {apps[notification.channel]} <span>{ago(notification.at, now)}</span>
        </span>
        <p className="card-text">{notification.text}</p>
        {notification.code && <CopyCode code={notification.code} />}
      </div>
    </div>
  );
}

function CopyCode({ code }: { code: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard?.writeText(code).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <button type="button" className="card-copy" onClick={copy}>
      <Icon name={copied ? "check" : "copy"} />
      {copied ? "Copied" : `Copy ${code}`}
    </button>
  );
}
