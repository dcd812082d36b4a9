import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { CodeField } from "../../component/CodeField";
import { afterKey } from "../../component/digits";
import { Heading } from "../../component/Heading";
import { Keypad } from "../../component/Keypad";
import { Notice } from "../../component/Notice";
import { english } from "../../component/texts";
import { clock } from "../../component/time";
import type { Prompt } from "../../sdk";
import { RequestFacts } from "./RequestFacts";
import { UnlockNotice } from "./UnlockNotice";
import { canApprove } from "./unlock";
import { useEverySecond } from "./useEverySecond";
import type { Phone } from "./usePhone";

/** Who asks, from where, when; the number; and the three answers. */
export function RequestSheet({ phone, prompt }: { phone: Phone; prompt: Prompt }) {
  const [number, setNumber] = useState("");
  const [reporting, setReporting] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEverySecond();
  // While the phone is busy the field is disabled and cannot take the focus.
  useEffect(() => {
    if (!phone.busy && document.hasFocus()) field.current?.focus({ preventScroll: true });
  }, [phone.busy]);
  const left = phone.remaining(prompt);
  const able = canApprove(phone.unlock);
  const complete = able && number.length === prompt.digits;
  const approve = () => phone.answer("approve", prompt.digits > 0 ? number : undefined);
  const typeAnywhere = (event: KeyboardEvent) => {
    if (event.target === field.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const digits = afterKey(number, event.key, prompt.digits);
    if (reporting || digits === number) return;
    event.preventDefault();
    setNumber(digits);
    field.current?.focus({ preventScroll: true });
  };
  return (
    <div
      className="sheet"
      role="dialog"
      aria-labelledby="request"
      onKeyDown={(event) => {
        if (event.key === "Escape") phone.lock();
        typeAnywhere(event);
      }}
    >
      <form
        className="sheet-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (complete && !phone.busy) approve();
        }}
      >
        <div className="sheet-top">
          <span className="sheet-app">{prompt.context.app ?? "A sign-in"}</span>
          <span className="sheet-left">
            {left > 0 ? `${clock(english, left)} left` : "Time is up"}
          </span>
        </div>
        <Heading>
          <span id="request">Is this you signing in?</span>
        </Heading>
        {prompt.bindingMessage && <p className="sheet-message">{prompt.bindingMessage}</p>}
        <RequestFacts prompt={prompt} />
        {phone.problem && (
          <Notice tone="problem" icon="warning" title={phone.problem.title}>
            {phone.problem.text}
          </Notice>
        )}
        {!reporting && <UnlockNotice phone={phone} />}
        {prompt.digits > 0 && able && !reporting && (
          <div className="sheet-number">
            <CodeField
              label="Type the number from the page"
              length={prompt.digits}
              value={number}
              onChange={setNumber}
              disabled={phone.busy}
              oneTimeCode={false}
              keyboard={false}
              input={field}
            />
            <Keypad
              value={number}
              length={prompt.digits}
              onChange={setNumber}
              disabled={phone.busy}
            />
          </div>
        )}
        {reporting ? (
          <Report phone={phone} onBack={() => setReporting(false)} />
        ) : (
          <Answers phone={phone} complete={complete} onReport={() => setReporting(true)} />
        )}
      </form>
    </div>
  );
}

function Report({ phone, onBack }: { phone: Phone; onBack: () => void }) {
  return (
    <div className="sheet-report">
      <p>
        Somebody else may be trying to sign in as you. Reporting refuses it and holds back new
        sign-ins for 15 minutes. Your bank can see it.
      </p>
      <Button tone="danger" wide busy={phone.busy} onClick={() => phone.answer("report")}>
        Report it
      </Button>
      <Button tone="quiet" onClick={onBack}>
        Go back
      </Button>
    </div>
  );
}

function Answers({
  phone,
  complete,
  onReport,
}: {
  phone: Phone;
  complete: boolean;
  onReport: () => void;
}) {
  return (
    <div className="sheet-answers">
      <Button disabled={phone.busy} onClick={() => phone.answer("deny")}>
        Deny
      </Button>
      <Button tone="accent" type="submit" busy={phone.busy} disabled={!complete}>
        Approve
      </Button>
      <Button tone="quiet" disabled={phone.busy} onClick={onReport}>
        This isn't me
      </Button>
      <Button tone="quiet" onClick={phone.lock}>
        Not now
      </Button>
    </div>
  );
}
