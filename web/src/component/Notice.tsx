import type { ReactNode } from "react";
import { Icon, type IconName } from "../theme/Icon";
import "./Notice.css";

/**
 * Says what happened, what is safe and what to do, in this order. `problem`
 * tells it to screen readers at once.
 */
export function Notice({
  tone = "plain",
  icon,
  title,
  children,
  action,
}: {
  tone?: "plain" | "good" | "problem";
  icon?: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={`notice notice-${tone}`} role={tone === "problem" ? "alert" : undefined}>
      {icon && <Icon name={icon} />}
      <div className="notice-words">
        <p className="notice-title">{title}</p>
        {children && <div className="notice-text">{children}</div>}
        {action && <div className="notice-action">{action}</div>}
      </div>
    </div>
  );
}
