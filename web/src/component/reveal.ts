/**
 * Scrolls this page so far that an element is in sight. Unlike scrollIntoView
 * it leaves a page around this one, which may be a frame, where it is.
 */
export function reveal(element: Element | null): void {
  if (!element) return;
  const { top, bottom } = element.getBoundingClientRect();
  if (top < 0) window.scrollBy({ top: top - 16 });
  else if (bottom > window.innerHeight) window.scrollBy({ top: bottom - window.innerHeight + 16 });
}
