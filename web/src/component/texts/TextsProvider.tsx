import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { Skeleton } from "../Skeleton";
import { en } from "./en";
import { languageOf } from "./languages";
import { loadTexts } from "./load";
import { makeSay, type Say } from "./say";

/** English, which is there at once: for what is not translated. */
export const english = makeSay("en", en);
const Voice = createContext<Say>(english);

/** How long a language's file may take before the page is shown in English until it is there. */
const PATIENCE_MS = 1000;

/** The voice for everything below it, or English without a `TextsProvider` above. */
export function useSay(): Say {
  return useContext(Voice);
}

/**
 * Gives everything below it the best language for the tags a person asked for, best first. English
 * is there at once, another language's file is fetched; one that does not come leaves English.
 */
export function TextsProvider({
  languages,
  waiting = <Skeleton lines={3} />,
  children,
}: {
  /** BCP 47 tags, as in `navigator.languages`. */
  languages: readonly string[];
  /** Stands there until the words come. */
  waiting?: ReactNode;
  children: ReactNode;
}) {
  const language = languageOf(languages);
  const [loaded, setLoaded] = useState<{ say: Say } | null>(null);
  useEffect(() => {
    if (language === "en") return;
    let current = true;
    const show = (say: Say) => {
      if (current) setLoaded({ say });
    };
    const timer = setTimeout(() => show(english), PATIENCE_MS);
    loadTexts(language)
      .then((texts) => show(makeSay(language, texts)))
      .catch(() => show(english))
      .finally(() => clearTimeout(timer));
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [language]);
  const say = language === "en" ? english : loaded?.say;
  return say ? <Voice.Provider value={say}>{children}</Voice.Provider> : waiting;
}
