import { useState } from "react";
import type { PhoneState, StatusBody } from "../../sdk";
import { Alternatives } from "../Alternatives";
import { Attempts } from "../Attempts";
import { Button } from "../Button";
import { ChangePhoneDialog } from "../ChangePhoneDialog";
import { CodeEntry } from "../CodeEntry";
import { Heading } from "../Heading";
import { Locked } from "../Locked";
import { Notice } from "../Notice";
import { ProblemNotice } from "../ProblemNotice";
import { Reach } from "../Reach";
import { ResendButton } from "../ResendButton";
import { Summary } from "../Summary";
import { Phrase, useSay } from "../texts";
import { messageOf } from "./spoken";
import { useLasting } from "./useLasting";
import { useShownNumber } from "./useShownNumber";
import type { SmartResendActs } from "./useSmartResend";

/** A code is out: its field, where it is, another one, and the other ways. */
export function OpenView({
  state,
  status,
  act,
  now,
  patience,
}: {
  state: PhoneState;
  status: StatusBody;
  act: SmartResendActs;
  now: () => number;
  /** For how many milliseconds a lost connection is not worth a word. */
  patience: number;
}) {
  const say = useSay();
  const number = useShownNumber(state);
  const [changing, setChanging] = useState(false);
  const { busy, problem, elsewhere } = state;
  const occupied = busy !== null || elsewhere;
  const over = status.stage === "awaiting_resend";
  const locked = status.stage === "locked";
  const offline = useLasting(state.connection !== "open" && !elsewhere, patience);
  // Of the first code the sentence with the number says it all.
  const message = status.message_key === "code.sent" ? null : messageOf(say, state);
  return (
    <>
      <div className="nod-resend-words">
        {locked || over ? (
          // The field had the focus, and is gone.
          <Heading key={status.stage} level={2}>
            {say(locked ? "code.locked" : "code.over")}
          </Heading>
        ) : (
          <h2 className="nod-title">{say("code.title")}</h2>
        )}
        {locked ? (
          <Locked until={status.locked_until} now={now} />
        ) : over ? (
          <p>{say("code.over_text")}</p>
        ) : (
          <p>
            {message && `${message}${say.gap}`}
            <Phrase text={sentTo(status)} slots={{ number: <bdi dir="ltr">{number}</bdi> }} />
          </p>
        )}
        <p className="nod-resend-quiet">
          {say("code.wrong_number")}
          {say.gap}
          <button
            type="button"
            className="nod-link"
            disabled={occupied}
            onClick={() => (status.can_change_phone ? setChanging(true) : act.again())}
          >
            {say("code.change")}
          </button>
        </p>
      </div>

      {elsewhere && (
        <Notice
          tone="heed"
          icon="browser"
          title={say("code.elsewhere")}
          action={
            <Button busy={busy === "takeOver"} onClick={() => void act.takeOver()}>
              {say("code.take_over")}
            </Button>
          }
        >
          {say("code.elsewhere_text")}
        </Notice>
      )}
      {problem && !changing && <ProblemNotice problem={problem} retryIn={state.retryIn} />}
      {state.reused && <Notice icon="sms" title={say("code.reused")} />}

      {!locked && !over && (
        <CodeEntry
          status={status}
          now={now}
          checking={busy === "check"}
          wrong={state.wrong}
          disabled={occupied && busy !== "check"}
          onCheck={(code) => void act.check(code)}
        />
      )}
      <Reach status={status} />
      {offline && <p className="nod-resend-quiet">{say("code.offline")}</p>}
      {!locked && (
        <ResendButton
          status={status}
          now={now}
          sending={busy === "resend"}
          disabled={occupied}
          accent={over}
          onResend={() => void act.resend()}
        />
      )}
      <Alternatives
        status={status}
        now={now}
        disabled={occupied}
        onChannel={(channel) => void act.resend(channel)}
        onChangePhone={() => setChanging(true)}
      />
      <div className="nod-resend-folds">
        <Attempts status={status} />
        <Summary summary={state.summary} onLoad={() => act.loadSummary()} />
      </div>
      <Button tone="quiet" disabled={busy !== null} onClick={() => act.again()}>
        {say("entry.back")}
      </Button>
      <ChangePhoneDialog
        open={changing}
        number={state.phoneNumber}
        shown={number}
        changing={busy === "change"}
        problem={problem}
        retryIn={state.retryIn}
        onChange={(next) => act.changePhone(next)}
        onClose={() => setChanging(false)}
      />
    </>
  );
}

function sentTo(status: StatusBody) {
  if (status.stage === "queued") return "code.sending_to";
  return status.channel === "voice" ? "code.called" : "code.sent_to";
}
