// What the npm package gives to React pages: the whole part, the hook under it, the pieces it is
// made of, and its words. A piece that stands alone wants an element of the class `nod` around it.

export { Alternatives } from "./Alternatives";
export { Attempts } from "./Attempts";
export { ChangePhoneDialog } from "./ChangePhoneDialog";
export { CodeEntry } from "./CodeEntry";
export { PhoneEntry } from "./PhoneEntry";
export { ProblemNotice } from "./ProblemNotice";
export { Reach } from "./Reach";
export { ResendButton } from "./ResendButton";
export {
  SmartResendVerification,
  type SmartResendVerificationProps,
} from "./resend/SmartResendVerification";
export { SmartResendView } from "./resend/SmartResendView";
export {
  type Proof,
  type SmartResend,
  type SmartResendActs,
  type SmartResendOptions,
  useSmartResend,
} from "./resend/useSmartResend";
export { Summary } from "./Summary";
export * from "./texts";
export type { Clock } from "./useSecondsLeft";
