import { useState } from "react";
import { Button } from "../../component/Button";
import { Skeleton } from "../../component/Skeleton";
import type { Person } from "../person";
import { curlCommand } from "./model";

/** The command that does the same: run it and the phone above asks. */
export function CurlLine({ person }: { person: Person | null }) {
  const [copied, setCopied] = useState(false);
  if (!person) return <Skeleton lines={2} />;
  const command = curlCommand(location.origin, person.user, person.phone_number);
  const copy = () => {
    navigator.clipboard?.writeText(command).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <footer className="curl">
      <div className="stage-heading">
        <h2>The same from your terminal</h2>
        <Button icon={copied ? "check" : "copy"} onClick={copy}>
          {copied ? "Copied" : "Copy"}
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <section className="curl-line" tabIndex={0} aria-label="Command">
        <pre>{command}</pre>
      </section>
      <p>
        <code>NOD_API_KEY</code> is the key that the server printed when it first started. Run it
        and the phone above asks you.
      </p>
    </footer>
  );
}
