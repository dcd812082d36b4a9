import { Button } from "../../component/Button";
import { Heading } from "../../component/Heading";
import { Sign } from "../../component/Sign";
import { useSay } from "../../component/texts";
import type { StatusBody } from "../../sdk";
import { endingOf } from "./model";
import type { SignIn } from "./useSignIn";

/** It ended without a sign-in: what happened, what is safe, what to do. */
export function EndedView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const say = useSay();
  const ending = endingOf(say, status);
  return (
    <div className="login-end">
      <Sign icon={ending.tone === "problem" ? "shield" : "clock"} tone={ending.tone} />
      <Heading>{ending.title}</Heading>
      <p>{ending.text}</p>
      <Button
        tone={ending.again ? "accent" : "plain"}
        wide
        onClick={() => (ending.again ? signIn.start() : signIn.leave())}
      >
        {ending.again ?? say("login.back")}
      </Button>
      {ending.again && (
        <Button tone="quiet" onClick={signIn.leave}>
          {say("login.not_now")}
        </Button>
      )}
    </div>
  );
}
