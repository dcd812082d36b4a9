import { useEffect, useRef, useState } from "react";
import { Icon } from "../../theme/Icon";
import { verificationId } from "./model";
import "./SearchField.css";

/** Finds a verification by its id. The key "/" comes here from anywhere. */
export function SearchField({ onFound }: { token: string; onFound: (id: string) => void }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, []);
  return (
    <search className="find">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const id = verificationId(text);
          setWrong(id === null);
          if (id) onFound(id);
        }}
      >
        <Icon name="search" />
        <input
          ref={field}
          aria-label="Find a verification by its id"
          aria-invalid={wrong || undefined}
          aria-describedby={wrong ? "find-wrong" : undefined}
          placeholder="Find by id"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setWrong(false);
          }}
        />
      </form>
      {wrong && (
        <p id="find-wrong" className="find-wrong" role="alert">
          An id is ver_ and 32 letters and digits.
        </p>
      )}
    </search>
  );
}
