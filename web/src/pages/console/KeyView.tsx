import { useState } from "react";
import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Notice } from "../../component/Notice";
import { NodError } from "../../sdk";
import { Mark } from "../../theme/Mark";
import { type Trouble, trouble } from "../problem";
import "./KeyView.css";

const wrongKey: Trouble = {
  title: "That did not open the console",
  text: "This key is not one of this server's. Check it, or make another on the server: nod key",
};

/** Asks for the API key, which is swapped for a session and not kept. */
export function KeyView({
  ended,
  onOpen,
}: {
  /** A session was open and came to its end. */
  ended: boolean;
  onOpen: (apiKey: string) => Promise<void>;
}) {
  const [apiKey, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const open = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onOpen(apiKey.trim());
    } catch (error) {
      const wrong = error instanceof NodError && error.code === "unauthenticated";
      setProblem(wrong ? wrongKey : trouble(error));
      setBusy(false);
    }
  };
  return (
    <main className="key">
      <form
        className="key-card card-alone"
        onSubmit={(event) => {
          event.preventDefault();
          if (apiKey.trim()) void open();
        }}
      >
        <Mark />
        <Heading>Open the console</Heading>
        {ended && !problem && (
          <Notice icon="clock" title="Your session has ended">
            Nothing was changed. Enter the key to go on.
          </Notice>
        )}
        {problem && (
          <Notice tone="problem" icon="warning" title={problem.title}>
            {problem.text}
          </Notice>
        )}
        <label className="key-field">
          API key
          <input
            type="password"
            autoComplete="off"
            spellCheck={false}
            placeholder="nod_sk_…"
            value={apiKey}
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        <p className="key-hint">
          The server printed it when it first started. It is swapped for a session of one hour and
          not kept in this browser.
        </p>
        <Button tone="accent" wide type="submit" busy={busy} disabled={!apiKey.trim()}>
          Open
        </Button>
      </form>
    </main>
  );
}
