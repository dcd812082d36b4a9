import { useEffect, useSyncExternalStore } from "react";
import { Mark } from "../../../theme/Mark";
import { Live } from "./Live";
import { Looks } from "./Looks";
import { StoryList } from "./StoryList";
import { StoryView } from "./StoryView";
import { stories } from "./stories";
import "../login.css";
import "./resend.css";

/**
 * The component that proves a number, as the demo bank uses it; with a story's name in the address
 * (`?demo=resend&story=locked`) standing still in one of its states, to be looked at.
 */
export default function ResendPage() {
  const name = useSyncExternalStore(followAddress, storyInAddress);
  useEffect(followLook, []);
  const story = stories.find((known) => known.name === name);
  return (
    <main className="resend">
      <header className="login-brand">
        <Mark />
        <h1>Nod Demo Bank</h1>
      </header>
      {story ? <StoryView key={story.name} story={story} /> : <Live />}
      <StoryList current={story?.name} />
      <Looks />
    </main>
  );
}

// One page serves all states, so that going through them needs no reload.
function followAddress(changed: () => void): () => void {
  addEventListener("popstate", changed);
  return () => removeEventListener("popstate", changed);
}

function storyInAddress(): string | null {
  return new URLSearchParams(location.search).get("story");
}

// A look that the address asks for holds for this page alone.
function followLook(): void {
  const theme = new URLSearchParams(location.search).get("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
