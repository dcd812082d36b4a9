import type { ComponentProps, ReactNode } from "react";
import { Icon, type IconName } from "../theme/Icon";
import "./Button.css";

/**
 * A button. `accent` is the one thing to do, `plain` another way, `danger`
 * refuses, `quiet` leads out. While `busy` it keeps its place and says so.
 */
export function Button({
  tone = "plain",
  icon,
  before,
  busy = false,
  wide = false,
  children,
  ...rest
}: {
  tone?: "accent" | "plain" | "danger" | "quiet";
  icon?: IconName;
  /** Drawn before the words in the place of an icon. */
  before?: ReactNode;
  busy?: boolean;
  wide?: boolean;
  children: ReactNode;
} & Omit<ComponentProps<"button">, "className">) {
  return (
    <button
      type="button"
      className={`nod-button nod-button-${tone}`}
      data-wide={wide ? "" : undefined}
      aria-busy={busy || undefined}
      {...rest}
      disabled={rest.disabled || busy}
    >
      {icon ? <Icon name={icon} /> : before}
      <span>{children}</span>
    </button>
  );
}
