import type { ReactNode, ToggleEvent } from "react";
import "./Fold.css";

/** More to read for who wants it: closed at first, opened by its title. */
export function Fold({
  title,
  count,
  onOpen,
  children,
}: {
  title: string;
  /** How many things wait inside. */
  count?: number;
  onOpen?: () => void;
  children: ReactNode;
}) {
  return (
    <details
      className="nod-fold"
      onToggle={(event: ToggleEvent<HTMLDetailsElement>) => {
        if (event.currentTarget.open) onOpen?.();
      }}
    >
      <summary className="nod-fold-title">
        <span>{title}</span>
        {count !== undefined && <span className="nod-fold-count">{count}</span>}
      </summary>
      {children}
    </details>
  );
}
