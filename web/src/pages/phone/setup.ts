import {
  type DeviceRecord,
  enroll,
  indexedDbKeyStore,
  type KeyStore,
  NodError,
  parseInvitation,
  Rest,
} from "../../sdk";
import { isSwitches, type Switches } from "../bridge";
import { adoptPerson, asPerson, ensurePerson, type Person } from "../person";
import { type Trouble, trouble } from "../problem";

/** A phone that is ready: whose it is, its keys, and where pushes find it. */
export interface Ready {
  person: Person;
  record: DeviceRecord;
  keys: KeyStore;
  pushToken: string;
}

/** A set-up that no second try can save. */
export class SetUpRefused extends Error {
  readonly trouble: Trouble;

  private constructor(words: Trouble, cause?: NodError) {
    super(words.title, { cause });
    this.trouble = words;
  }

  /** Browsers keep keys only for pages that came over https, or from this computer. */
  static insecure(): SetUpRefused {
    return new SetUpRefused({
      title: "This page needs https",
      text: "A phone's keys are safe only on a page that came over https. Open nod by an https address.",
    });
  }

  /** What a failed set-up says about its link; null when it may succeed later. */
  static from(error: unknown): SetUpRefused | null {
    if (!(error instanceof NodError) || error.temporary) return null;
    const next = "Make a new one on the stage.";
    if (error.code === "conflict" && error.field === "enrollment_token") {
      return new SetUpRefused({ title: "This link was used already", text: next }, error);
    }
    if (["expired", "unauthenticated", "not_found"].includes(error.code)) {
      return new SetUpRefused({ title: "This link no longer works", text: next }, error);
    }
    return new SetUpRefused(trouble(error), error);
  }
}

const rest = new Rest({ baseUrl: location.origin });

/**
 * Makes this phone ready. An enrollment link in the fragment decides; otherwise
 * the stored keys serve while they belong to this browser's person; otherwise
 * the phone enrolls itself for that person. The fragment is wiped at once.
 */
export async function setUp(slot: string): Promise<Ready> {
  if (window.isSecureContext === false) throw SetUpRefused.insecure();
  const invitation = parseInvitation(location.href);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  const keys = indexedDbKeyStore();
  if (invitation) {
    try {
      const person = await (invitation.demo ? adoptPerson(invitation.demo) : ensurePerson());
      return await enrollWith(slot, invitation.token, person, keys);
    } catch (error) {
      throw SetUpRefused.from(error) ?? error;
    }
  }
  const person = await ensurePerson();
  const record = await keys.load(slot);
  const pushToken = storedToken(slot, person.user);
  if (record && pushToken) return { person, record, keys, pushToken };
  return enrollAnew(slot, person, keys);
}

/** Enrolls again, after the server no longer knew this phone. */
export async function setUpAgain(slot: string): Promise<Ready> {
  const keys = indexedDbKeyStore();
  await keys.remove(slot);
  return enrollAnew(slot, await ensurePerson(), keys);
}

async function enrollAnew(slot: string, person: Person, keys: KeyStore): Promise<Ready> {
  const { enrollment_token } = await rest.call<{ enrollment_token: string }>(
    "POST",
    "/demo/enrollments",
    { body: {}, headers: asPerson(person.demo_token) },
  );
  return enrollWith(slot, enrollment_token, person, keys);
}

async function enrollWith(
  slot: string,
  token: string,
  person: Person,
  keys: KeyStore,
): Promise<Ready> {
  const pushToken = `sim-${crypto.randomUUID()}`;
  const record = await enroll({
    baseUrl: location.origin,
    token,
    name: slot === "1" ? "Demo phone" : `Demo phone ${slot}`,
    platform: "web",
    push: { provider: "fcm", token: pushToken },
    keys,
    slot,
  });
  localStorage.setItem(tokenKey(slot), JSON.stringify({ user: person.user, pushToken }));
  localStorage.removeItem(switchesKey(slot));
  return { person, record, keys, pushToken };
}

const tokenKey = (slot: string) => `nod.phone.${slot}.push`;
const switchesKey = (slot: string) => `nod.phone.${slot}.switches`;

function storedToken(slot: string, user: string): string | null {
  const value = readJson(tokenKey(slot));
  const { user: owner, pushToken } = (value ?? {}) as Record<string, unknown>;
  return owner === user && typeof pushToken === "string" ? pushToken : null;
}

/** The switches as this phone was left; null when it never was. */
export function storedSwitches(slot: string): Switches | null {
  const value = readJson(switchesKey(slot));
  return isSwitches(value) ? value : null;
}

/** Remembers the switches over a reload. */
export function keepSwitches(slot: string, switches: Switches): void {
  localStorage.setItem(switchesKey(slot), JSON.stringify(switches));
}

function readJson(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}
