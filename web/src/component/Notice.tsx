import type { ReactNode } from "react";
import { Icon, type IconName } from "../theme/Icon";
import "./Notice.css";

/**
 * Says what happened, what is safe and what to do, in this order. `problem`
 * tells it to screen readers at once; so does `heed`, where nothing is wrong.
 */
export function Notice({
  tone = "plain",
  icon,
  title,
  children,
  action,
}: {
  tone?: "plain" | "good" | "heed" | "problem";
  icon?: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div
      className={`nod-notice nod-notice-${tone}`}
      role={tone === "problem" || tone === "heed" ? "alert" : undefined}
    >
      {icon && <Icon name={icon} />}
      <div className="nod-notice-words">
        <p className="nod-notice-title">{title}</p>
        {children && <div className="nod-notice-text">{children}</div>}
        {action && <div className="nod-notice-action">{action}</div>}
      </div>
    </div>
  );
}
