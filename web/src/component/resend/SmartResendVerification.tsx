import { useState, useSyncExternalStore } from "react";
import { Skeleton } from "../Skeleton";
import { type Language, languageOf, TextsProvider } from "../texts";
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
  // A server that draws the page has no browser to ask: it draws what stands there until one is.
  const spoken = useSyncExternalStore(never, browserLanguage, () => null);
  const language = props.locale ? languageOf([props.locale]) : spoken;
  return language ? <Speaking {...props} language={language} /> : waiting;
}

function Speaking({ language, ...props }: SmartResendVerificationProps & { language: Language }) {
  // The words and the message speak one language, also where the page changes its mind in between.
  const [locale] = useState(language);
  const { state, act, now } = useSmartResend({ ...props, locale });
  return (
    <TextsProvider languages={[locale]} waiting={waiting}>
      <SmartResendView state={state} act={act} now={now} onBack={props.onBack} />
    </TextsProvider>
  );
}

const waiting = (
  <section className="nod nod-resend" aria-busy="true">
    <div className="nod-resend-card">
      <Skeleton lines={4} />
    </div>
  </section>
);

const never = () => () => undefined;
const browserLanguage = (): Language => languageOf(navigator.languages);
