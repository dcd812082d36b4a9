// The SDK: everything that a page or an app needs to speak with nod. The core runs wherever there
// is fetch, WebSocket and WebCrypto; `indexeddb.ts` and `browser.ts` are for pages.

export type { PlatformCredential } from "./assertion.ts";
export { type BackoffPolicy, backoff, DEFAULT_BACKOFF } from "./backoff.ts";
export { type Wakeable, wakeWithPage } from "./browser.ts";
export { ServerClock } from "./clock.ts";
export type { CloseReason } from "./closereason.ts";
export {
  Connection,
  type ConnectionChange,
  type ConnectionEvents,
  type ConnectionOptions,
  type ConnectionState,
} from "./connection.ts";
export { type Countdowns, countdowns, NO_COUNTDOWNS, secondsUntil } from "./countdown.ts";
export { Device, type DeviceEvents, type DeviceOptions, type DeviceState } from "./device.ts";
export type { Answer } from "./devicetokens.ts";
export {
  type EnrollOptions,
  enroll,
  type Invitation,
  type PushTarget,
  parseInvitation,
} from "./enrollment.ts";
export { NodError, type Problem } from "./errors.ts";
export { readEvents, type StreamMessage } from "./eventstream.ts";
export type { Transport } from "./feed.ts";
export { pause } from "./followers.ts";
export { indexedDbKeyStore } from "./indexeddb.ts";
export { type Jwks, JwsError, type PublicJwk, signJws, verifyJws } from "./jws.ts";
export { type DeviceRecord, type KeyStore, memoryKeyStore } from "./keys.ts";
export type { Challenge, Silence } from "./link.ts";
export type { Memory } from "./memory.ts";
export {
  Onboarding,
  type OnboardingOptions,
  type PhoneChannel,
  type Summary,
  type Which,
} from "./onboarding.ts";
export {
  NO_PHONE,
  type PhoneAct,
  type PhoneEvents,
  type PhonePhase,
  type PhoneState,
  type PhoneVerificationOptions,
} from "./phonestate.ts";
export { PhoneVerification } from "./phoneverification.ts";
export type { Prompt, Refused } from "./prompts.ts";
export * from "./protocol.ts";
export { type PushMessage, readPush } from "./push.ts";
export { type CallOptions, Rest, type RestOptions, socketUrl } from "./rest.ts";
export type { SocketConstructor, SocketLike } from "./socket.ts";
export type { FetchToken } from "./usertoken.ts";
export { Verification } from "./verification.ts";
export { Watcher, type WatcherEvents, type WatcherOptions, type WatcherState } from "./watcher.ts";
export {
  type Ability,
  canVerifyUser,
  UserNotVerified,
  type VerifyUserOptions,
  verifyUser,
} from "./webauthn.ts";
