import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Skeleton } from "../../component/Skeleton";
import { useSay } from "../../component/texts";
import { firstName, spacedNumber } from "../person";
import { Remembered } from "./Remembered";
import type { SignIn } from "./useSignIn";

/** Before anything is asked: who would sign in, and one button. */
export function StartView({ signIn }: { signIn: SignIn }) {
  const say = useSay();
  const { person } = signIn;
  return (
    <>
      <div className="login-words">
        {/* Anew for somebody else: the button that led there had the focus, and is gone. */}
        <Heading key={person?.user}>{say("login.title")}</Heading>
        <p>{say("login.text")}</p>
      </div>
      <div className="login-person">
        {person ? (
          <>
            <span className="login-initials" aria-hidden="true">
              {initials(person.name)}
            </span>
            <span className="login-who">
              <strong>{person.name}</strong>
              <bdi dir="ltr">{spacedNumber(person.phone_number)}</bdi>
            </span>
          </>
        ) : (
          <Skeleton lines={2} label={say("login.loading")} />
        )}
      </div>
      <Button
        tone="accent"
        wide
        disabled={!person && !signIn.problem}
        onClick={() => signIn.start()}
      >
        {person ? say("login.go_as", { name: firstName(person.name) }) : say("login.go")}
      </Button>
      {person?.remembered ? (
        <Remembered signIn={signIn} />
      ) : (
        <label className="login-remember">
          <input
            type="checkbox"
            checked={signIn.remember}
            onChange={(event) => signIn.setRemember(event.target.checked)}
          />
          {say("login.remember")}
        </label>
      )}
      <Button tone="quiet" disabled={!person} onClick={() => signIn.start("sms")}>
        {say("login.sms")}
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
