import { useState } from "react";
import { languageOf, TextsProvider } from "../texts";
import { SmartResendView } from "./SmartResendView";
import { type SmartResendOptions, useSmartResend } from "./useSmartResend";

/** What a page says once; see `SmartResendOptions`. */
export interface SmartResendVerificationProps extends SmartResendOptions {
  /** The person leaves the part. */
  onBack: () => void;
}

/**
 * Proves that a phone number is the user's: its entry, the code, and every way on when no code
 * comes. It speaks the best language for `locale`, else for the browser, and so does the message.
 */
export function SmartResendVerification(props: SmartResendVerificationProps) {
  // Both speak one language, also where the page changes its mind in between.
  const [locale] = useState(() => languageOf(props.locale ? [props.locale] : browserLanguages()));
  const { state, act, now } = useSmartResend({ ...props, locale });
  return (
    <TextsProvider languages={[locale]}>
      <SmartResendView
        state={state}
        act={act}
        now={now}
        onBack={props.onBack}
        initialPhoneNumber={props.initialPhoneNumber}
      />
    </TextsProvider>
  );
}

// A server that draws the page has no browser to ask.
function browserLanguages(): readonly string[] {
  return globalThis.navigator?.languages ?? [];
}
