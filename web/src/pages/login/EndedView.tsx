import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import type { StatusBody } from "../../sdk";
import { Icon } from "../../theme/Icon";
import { endingOf } from "./model";
import type { SignIn } from "./useSignIn";

/** It ended without a sign-in: what happened, what is safe, what to do. */
export function EndedView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const ending = endingOf(status);
  return (
    <div className="login-end" data-tone={ending.tone}>
      <span className="login-sign">
        <Icon name={ending.tone === "problem" ? "shield" : "clock"} />
      </span>
      <Heading>{ending.title}</Heading>
      <p>{ending.text}</p>
      <Button
        tone={ending.again ? "accent" : "plain"}
        wide
        onClick={() => (ending.again ? signIn.start() : signIn.leave())}
      >
        {ending.again ?? "Back to the start"}
      </Button>
      {ending.again && (
        <Button tone="quiet" onClick={signIn.leave}>
          Not now
        </Button>
      )}
    </div>
  );
}
