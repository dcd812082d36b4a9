import type { MouseEvent } from "react";
import { stories } from "./stories";

/** All states as links, in the language and the look of this one. For those who build with it, so in English. */
export function StoryList({ current }: { current?: string }) {
  const link = (story?: string) => {
    const query = new URLSearchParams(location.search);
    query.delete("story");
    if (story) query.set("story", story);
    return `?${query}`;
  };
  return (
    <nav className="resend-stories" lang="en" dir="ltr" aria-label="Each state by itself">
      <details>
        <summary>Each state by itself</summary>
        <ul>
          <li>
            <a href={link()} onClick={go} aria-current={current ? undefined : "page"}>
              Live
            </a>
          </li>
          {stories.map(({ name, title }) => (
            <li key={name}>
              <a
                href={link(name)}
                onClick={go}
                aria-current={name === current ? "page" : undefined}
              >
                {title}
              </a>
            </li>
          ))}
        </ul>
      </details>
    </nav>
  );
}

/** Follows a link within the page; one that is to open elsewhere is the browser's. */
function go(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  history.pushState(null, "", event.currentTarget.href);
  dispatchEvent(new PopStateEvent("popstate"));
}
