import { useState } from "react";
import { chooseTheme, shownTheme } from "../theme/choice";
import { Button } from "./Button";

/** Changes between the light and the dark look, in all windows of this browser. */
export function ThemeButton() {
  const [theme, setTheme] = useState(shownTheme);
  const other = theme === "light" ? "dark" : "light";
  return (
    <Button
      tone="quiet"
      onClick={() => {
        chooseTheme(other);
        setTheme(other);
      }}
    >
      {other === "dark" ? "Dark" : "Light"}
    </Button>
  );
}
