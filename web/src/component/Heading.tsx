import { type ReactNode, useEffect, useRef } from "react";

/**
 * The heading of a view that took another one's place. It takes the focus, so
 * that keyboards and screen readers go on from here, but never takes it from
 * another window or before the person has done something on this page.
 */
export function Heading({ children }: { children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const acted = navigator.userActivation?.hasBeenActive ?? false;
    if (acted && document.hasFocus()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1} className="heading">
      {children}
    </h1>
  );
}
