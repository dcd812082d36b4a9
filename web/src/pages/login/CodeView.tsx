import { useState } from "react";
import { Attempts } from "../../component/Attempts";
import { CodeEntry } from "../../component/CodeEntry";
import { groupsOf } from "../../component/digits";
import { Heading } from "../../component/Heading";
import { Rail } from "../../component/Rail";
import { newestCode, railSteps } from "../../component/rail";
import { Phrase, type Say, useSay } from "../../component/texts";
import type { Track } from "../../component/tracks";
import type { StatusBody } from "../../sdk";
import type { SignIn } from "./useSignIn";
import { WaysOut } from "./WaysOut";
import { Whereabouts } from "./Whereabouts";

/** A code is out: one field for it, and the phone's number still beside it. */
export function CodeView({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const say = useSay();
  return (
    <>
      <div className="login-words">
        <Heading>{say("code.title")}</Heading>
        <p>
          {sentWords(say, status, signIn.tracks)}
          {status.match_number && (
            <>
              {say.gap}
              <Phrase
                text="login.code.or"
                slots={{
                  number: (
                    <output className="login-either">
                      {groupsOf(status.match_number).join("\u202f")}
                    </output>
                  ),
                }}
              />
            </>
          )}
        </p>
      </div>
      <ThisCode key={newestCode(signIn.tracks)?.id} signIn={signIn} status={status} />
      <Rail steps={railSteps(say, status, signIn.tracks, null)} />
      <Whereabouts signIn={signIn} />
      <WaysOut signIn={signIn} status={status} />
      <Attempts status={status} />
    </>
  );
}

/** The field for the newest code: each code begins with an empty one that has the focus. */
function ThisCode({ signIn, status }: { signIn: SignIn; status: StatusBody }) {
  const [wrong, setWrong] = useState(0);
  const check = async (code: string) => {
    if (!(await signIn.check(code))) setWrong((n) => n + 1);
  };
  return (
    <CodeEntry
      status={status}
      now={signIn.now}
      checking={signIn.act === "check"}
      wrong={signIn.problem ? 0 : wrong}
      disabled={signIn.busy}
      onCheck={(code) => void check(code)}
    />
  );
}

function sentWords(say: Say, status: StatusBody, tracks: Track[]): string {
  const newest = newestCode(tracks);
  const channel = newest?.channel ?? "sms";
  const tried = newest?.state === "unknown" ? ("tried." as const) : "";
  const number = status.phone_number?.replaceAll(" ", "\u00a0"); // never cut in two lines
  if (channel === "email" || !number) return say(`login.code.${tried}${channel}`);
  return say(`login.code.${tried}${channel}_to`, { number });
}
