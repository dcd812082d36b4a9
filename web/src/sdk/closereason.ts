/**
 * Why a connection is down. `final` ones are not tried again: a new start would meet the same answer.
 *
 * | kind | meaning |
 * | --- | --- |
 * | stopped | this side asked for it |
 * | finished | the verification has ended, nothing more will come |
 * | unauthenticated | the credential is not, or no longer, good (4401) |
 * | revoked | the device was removed |
 * | replaced | a newer connection of the same device took over (4409) |
 * | forbidden | this origin or role may not connect (4403) |
 * | draining, busy, slow_consumer, too_fast, idle | the server asked to come back later |
 * | silent | nothing came for too long, so the network is taken for dead |
 * | lost | the network or the server went away |
 */
export interface CloseReason {
  kind:
    | "stopped"
    | "finished"
    | "unauthenticated"
    | "revoked"
    | "replaced"
    | "forbidden"
    | "draining"
    | "busy"
    | "slow_consumer"
    | "too_fast"
    | "idle"
    | "silent"
    | "lost";
  /** The WebSocket's close code; 1006 when it broke without one, 1000 when this side closed. */
  code: number;
  final: boolean;
}

/** This side closed. */
export const STOPPED: CloseReason = { kind: "stopped", code: 1000, final: true };

/** Nothing more to come. */
export const FINISHED: CloseReason = { kind: "finished", code: 1000, final: true };

const KIND_OF_CODE: Record<number, CloseReason["kind"]> = {
  1001: "draining",
  1013: "busy",
  4401: "unauthenticated",
  4403: "forbidden",
  4409: "replaced",
  4429: "too_fast",
};

const KINDS_OF_BYE = [
  "draining",
  "replaced",
  "revoked",
  "slow_consumer",
  "unauthenticated",
  "too_fast",
  "idle",
] as const;

/** Reads a close code together with the `bye` that came before it. */
export function closeReason(code: number, bye: string | null): CloseReason {
  const told = KINDS_OF_BYE.find((kind) => kind === bye);
  const kind = told ?? KIND_OF_CODE[code] ?? "lost";
  return { kind, code, final: code === 4401 || code === 4409 || kind === "revoked" };
}
