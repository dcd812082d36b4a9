import { useState } from "react";
import { Board } from "./Board";
import { KeyView } from "./KeyView";
import { closeSession, openSession, storedToken } from "./session";
import "./console.css";

/** The operator's console: an API key opens it, a session of an hour keeps it open. */
export function ConsolePage() {
  const [token, setToken] = useState(storedToken);
  const [ended, setEnded] = useState(false);
  if (token) {
    return (
      <Board
        token={token}
        onClose={(lost) => {
          closeSession();
          setEnded(lost);
          setToken(null);
        }}
      />
    );
  }
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
