import { languages, useSay } from "../../../component/texts";

/** The same page in another language or the other look. For those who build with it, so in English. */
export function Looks() {
  const { language } = useSay();
  const here = new URLSearchParams(location.search);
  const link = (name: string, value: string) => {
    const query = new URLSearchParams(here);
    query.set(name, value);
    return `?${query}`;
  };
  return (
    <nav className="resend-looks" lang="en" dir="ltr" aria-label="Language and look">
      <ul>
        {languages.map((tag) => (
          <li key={tag}>
            <a href={link("lang", tag)} aria-current={tag === language ? "true" : undefined}>
              {tag}
            </a>
          </li>
        ))}
      </ul>
      <ul>
        {["light", "dark"].map((theme) => (
          <li key={theme}>
            <a
              href={link("theme", theme)}
              aria-current={theme === here.get("theme") ? "true" : undefined}
            >
              {theme}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
