import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { followTheme } from "../theme/choice";

/** Puts a page into its document, in the look this browser chose. */
export function mount(page: ReactNode): void {
  const root = document.getElementById("root");
  if (!root) return;
  followTheme();
  createRoot(root).render(page);
}
