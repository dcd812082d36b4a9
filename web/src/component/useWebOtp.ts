import { useEffect, useRef } from "react";

/** What a browser with WebOTP gives back (WICG Web OTP API, "OTPCredential"). */
interface OtpCredential extends Credential {
  code: string;
}

/**
 * Lets the browser take the code out of the SMS, where it can: it asks the person first. Ends with
 * `waiting` or with the part that waits, so that no question comes late.
 */
export function useWebOtp(waiting: boolean, onCode: (code: string) => void): void {
  // A function may be new at each render; the newest one counts.
  const receive = useRef(onCode);
  useEffect(() => {
    receive.current = onCode;
  });
  useEffect(() => {
    if (!waiting || !("OTPCredential" in globalThis)) return;
    const end = new AbortController();
    const request = { otp: { transport: ["sms"] }, signal: end.signal };
    navigator.credentials
      .get(request as CredentialRequestOptions)
      .then((credential) => {
        const code = (credential as OtpCredential | null)?.code;
        if (code && !end.signal.aborted) receive.current(code);
      })
      .catch(() => undefined); // refused, or nothing came: the person types it
    return () => end.abort();
  }, [waiting]);
}
