import { type ReactNode, useEffect } from "react";
import { TextsProvider, useSay } from "../component/texts";

/** The names of pages, as a browser's tab shows them. */
type Title = "login.page" | "entry.title";

/**
 * A page in the language of its reader: what the address asks for (`?lang=de`), else what the
 * browser is set to. The document says which one it is and in which direction it is written.
 */
export function Spoken({ title, children }: { title: Title; children: ReactNode }) {
  return (
    <TextsProvider languages={wantedLanguages()}>
      <Named title={title}>{children}</Named>
    </TextsProvider>
  );
}

/** The languages that the reader asked for, best first, as BCP 47 tags. */
export function wantedLanguages(): readonly string[] {
  const asked = new URLSearchParams(location.search).get("lang");
  return asked ? [asked, ...navigator.languages] : navigator.languages;
}

function Named({ title, children }: { title: Title; children: ReactNode }) {
  const say = useSay();
  const name = say(title);
  useEffect(() => {
    document.documentElement.lang = say.language;
    document.documentElement.dir = say.dir;
    document.title = name;
  }, [say, name]);
  return children;
}
