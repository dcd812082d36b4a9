import { useCallback, useEffect, useState } from "react";
import { Board } from "./Board";
import { KeyView } from "./KeyView";
import { closeSession, openSession, storedToken, whenRefused } from "./session";

/** The operator's console: an API key opens it, a session of an hour keeps it open. */
export function ConsolePage() {
  const [token, setToken] = useState(storedToken);
  const [ended, setEnded] = useState(false);
  const close = useCallback((lost: boolean) => {
    closeSession();
    setEnded(lost);
    setToken(null);
  }, []);
  // Whatever is asked next may be the first to hear that the session has ended.
  useEffect(
    () =>
      whenRefused((refused) => {
        if (refused === token) close(true);
      }),
    [token, close],
  );
  if (token) return <Board token={token} onClose={close} />;
  return (
    <KeyView
      ended={ended}
      onOpen={async (apiKey) => {
        setToken(await openSession(apiKey));
        setEnded(false);
      }}
    />
  );
}
