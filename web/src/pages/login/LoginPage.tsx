import { Announcer } from "../../component/Announcer";
import { useSay } from "../../component/texts";
import { Mark } from "../../theme/Mark";
import { framed } from "../bridge";
import { AskedView } from "./AskedView";
import { CodeView } from "./CodeView";
import { EndedView } from "./EndedView";
import { FinishingView } from "./FinishingView";
import { LockedView } from "./LockedView";
import { resultSpoken, viewOf } from "./model";
import { SignedInView } from "./SignedInView";
import { StartView } from "./StartView";
import { TroubleNotice } from "./TroubleNotice";
import { type SignIn, useSignIn } from "./useSignIn";
import { useSpokenLadder } from "./useSpokenLadder";
import { WaitingView } from "./WaitingView";
import "./login.css";

/** The demo bank's sign-in page: one card that says at once what happens. */
export function LoginPage() {
  const say = useSay();
  const signIn = useSignIn();
  const spoken = useSpokenLadder(signIn);
  return (
    <main className="login" aria-label={say("login.title")}>
      <div className="login-card card-alone" data-phase={signIn.phase}>
        <header className="login-brand">
          <Mark />
          <span>Nod Demo Bank</span>
        </header>
        <TroubleNotice signIn={signIn} />
        <CurrentView signIn={signIn} />
      </div>
      {!framed() && <p className="login-foot">{say("login.foot")}</p>}
      <Announcer polite={spoken} assertive={resultSpoken(say, signIn.status)} />
    </main>
  );
}

function CurrentView({ signIn }: { signIn: SignIn }) {
  const { phase, status } = signIn;
  if (phase === "signed_in" && signIn.done)
    return <SignedInView signIn={signIn} done={signIn.done} />;
  if (phase === "finishing") return <FinishingView signIn={signIn} />;
  if (phase === "ended" && status) return <EndedView signIn={signIn} status={status} />;
  if (phase === "start") return <StartView signIn={signIn} />;
  if (!status) return <AskedView signIn={signIn} status={null} />;
  switch (viewOf(status)) {
    case "code":
      return <CodeView signIn={signIn} status={status} />;
    case "locked":
      return <LockedView signIn={signIn} status={status} />;
    case "waiting":
      return <WaitingView signIn={signIn} status={status} />;
    default:
      return <AskedView signIn={signIn} status={status} />;
  }
}
