const key = "nod.theme";

/** The look of this browser: the system's, or one chosen on a page. */
type Theme = "light" | "dark";

/** The chosen look; null follows the system. */
function chosenTheme(): Theme | null {
  const value = localStorage.getItem(key);
  return value === "light" || value === "dark" ? value : null;
}

/** The look that is drawn now. */
export function shownTheme(): Theme {
  return chosenTheme() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** Chooses the look, here and in every other window of this origin. */
export function chooseTheme(theme: Theme): void {
  localStorage.setItem(key, theme);
  draw();
}

/** Draws the chosen look and follows choices made in other windows and frames. */
export function followTheme(): void {
  draw();
  window.addEventListener("storage", (event) => {
    if (event.key === key) draw();
  });
}

function draw(): void {
  document.documentElement.dataset.theme = chosenTheme() ?? "system";
}
