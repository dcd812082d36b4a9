import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import {
  type Memory,
  type PhoneState,
  PhoneVerification,
  type PhoneVerificationOptions,
  wakeWithPage,
} from "../../sdk";

/** What a proof of a number brings, for the backend that redeems it. */
export interface Proof {
  verificationId: string;
  /** For the exchange: one use, good for a minute. */
  resultToken: string;
}

/** What the hook needs. All but the two functions is read once, when it is first used. */
export interface SmartResendOptions
  extends Pick<PhoneVerificationOptions, "baseUrl" | "fetchToken" | "locale"> {
  /** Called once the proof is there, with the number in E.164 as the person gave it. */
  onVerificationSuccess: (phoneNumber: string, proof: Proof) => void;
  /**
   * A number to begin with, E.164. It is filled in, or what this tab began with it goes on; a
   * message is sent only when the person asks for one.
   */
  initialPhoneNumber?: string;
  /** Where a reload finds what it interrupted; the tab's `sessionStorage` unless given. */
  memory?: Memory;
}

/** What a person can do; each tells whether it was done, and leaves a refusal in the state. */
export interface SmartResendActs
  extends Pick<
    PhoneVerification,
    "send" | "check" | "resend" | "changePhone" | "cancel" | "takeOver" | "again" | "loadSummary"
  > {
  /** Reads the proof of what is approved and gives it to the page: again, where that has failed. */
  finish: () => Promise<boolean>;
}

/** The proof of a number for a view of one's own: its state, what can be done, the server's clock. */
export interface SmartResend {
  state: PhoneState;
  act: SmartResendActs;
  /** The server's time in epoch milliseconds. */
  now: () => number;
}

/**
 * Proves that a number is the user's, without drawing anything. It follows the verification while
 * the part is mounted, and looks at once when the page is shown again or the network is back.
 */
export function useSmartResend(options: SmartResendOptions): SmartResend {
  // Functions may be new at each render; the newest ones count.
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const [{ verification, act }] = useState(() => {
    const made = new PhoneVerification({
      baseUrl: options.baseUrl,
      locale: options.locale,
      memory: options.memory ?? tabMemory,
      fetchToken: () => latest.current.fetchToken(),
    });
    const succeed = (phoneNumber: string, proof: Proof) =>
      latest.current.onVerificationSuccess(phoneNumber, proof);
    return { verification: made, act: actsOf(made, succeed) };
  });
  useEffect(() => {
    const silence = verification.on("result", ({ status }) => {
      if (status === "approved") void act.finish();
    });
    const doze = wakeWithPage(verification);
    verification.start(latest.current.initialPhoneNumber);
    return () => {
      silence();
      doze();
      verification.stop();
    };
  }, [verification, act]);
  const state = useSyncExternalStore(
    verification.subscribe,
    verification.getState,
    verification.getState,
  );
  return { state, act, now: verification.now };
}

// Each by itself, so that a page may take out of them what it needs.
function actsOf(
  verification: PhoneVerification,
  succeed: SmartResendOptions["onVerificationSuccess"],
): SmartResendActs {
  let handedOver = "";
  const finish = async () => {
    const { phoneNumber, status } = verification.getState();
    const resultToken = await verification.resultToken();
    if (!status || resultToken === null || handedOver === status.verification_id) return false;
    handedOver = status.verification_id;
    succeed(phoneNumber, { verificationId: status.verification_id, resultToken });
    return true;
  };
  return {
    send: verification.send.bind(verification),
    check: verification.check.bind(verification),
    resend: verification.resend.bind(verification),
    changePhone: verification.changePhone.bind(verification),
    cancel: verification.cancel.bind(verification),
    takeOver: verification.takeOver.bind(verification),
    again: verification.again.bind(verification),
    loadSummary: verification.loadSummary.bind(verification),
    finish,
  };
}

const key = "nod.resend";

/** The tab's own memory: it ends with the tab, and no other tab reads it. */
const tabMemory: Memory = {
  load: () => sessionStorage.getItem(key),
  save: (value) => {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  },
};
