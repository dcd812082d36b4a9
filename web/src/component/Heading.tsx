import { type ReactNode, useEffect, useRef } from "react";
import "./Heading.css";

/**
 * The heading of a view that took another one's place. It takes the focus, so
 * that keyboards and screen readers go on from here, but never takes it from
 * another window or before the person has done something on this page.
 */
export function Heading({
  level = 1,
  children,
}: {
  /** 2 for a part within somebody's page. */
  level?: 1 | 2;
  children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const acted = navigator.userActivation?.hasBeenActive ?? false;
    if (acted && document.hasFocus()) heading.current?.focus({ preventScroll: true });
  }, []);
  const Level = level === 1 ? "h1" : "h2";
  return (
    <Level ref={heading} tabIndex={-1} className="nod-title">
      {children}
    </Level>
  );
}
