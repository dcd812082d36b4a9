import { useSay } from "../../component/texts";
import { whereabouts } from "../senders";
import type { SignIn } from "./useSignIn";

/** Where the newest message went while a provider, and not the demo's phone, has it. */
export function Whereabouts({ signIn }: { signIn: SignIn }) {
  const words = whereabouts(useSay(), signIn.tracks, signIn.person?.sent_by ?? {});
  return words && <p className="login-where">{words}</p>;
}
