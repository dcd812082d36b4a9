import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Skeleton } from "../../component/Skeleton";
import { spacedNumber } from "../person";
import type { SignIn } from "./useSignIn";

/** Before anything is asked: who would sign in, and one button. */
export function StartView({ signIn }: { signIn: SignIn }) {
  const { person } = signIn;
  return (
    <>
      <div className="login-words">
        <Heading>Sign in</Heading>
        <p>No password. Your phone asks you, you answer.</p>
      </div>
      <div className="login-person">
        {person ? (
          <>
            <span className="login-initials" aria-hidden="true">
              {initials(person.name)}
            </span>
            <span className="login-who">
              <strong>{person.name}</strong>
              <span>{spacedNumber(person.phone_number)}</span>
            </span>
          </>
        ) : (
          <Skeleton lines={2} label="Loading your demo account" />
        )}
      </div>
      <Button
        tone="accent"
        wide
        disabled={!person && !signIn.problem}
        onClick={() => signIn.start()}
      >
        {person ? `Continue as ${person.name.split(" ")[0]}` : "Continue"}
      </Button>
      <Button tone="quiet" disabled={!person} onClick={() => signIn.start("sms")}>
        Text me a code instead
      </Button>
    </>
  );
}

function initials(name: string): string {
  return name
    .split(/\s+/)
    .map((word) => word.charAt(0))
    .slice(0, 2)
    .join("");
}
