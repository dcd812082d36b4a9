import { NodError, Rest } from "../sdk";
import type { Senders } from "./senders";

/** The demo person of this browser; `demo_token` is the capability to act as them. */
export interface Person {
  demo_token: string;
  user: string;
  name: string;
  phone_number: string;
  /** The bank keeps in this browser that it is trusted; see the sign-in. */
  remembered?: boolean;
  /** Who really brings their messages; absent while all are simulated. */
  sent_by?: Senders;
}

const key = "nod.demo.person";
const rest = new Rest({ baseUrl: location.origin });

/** What a demo endpoint is called with to act as the person. */
export function asPerson(token: string): Record<string, string> {
  return { Authorization: `Demo ${token}` };
}

/** The stored person, unchecked; null before the first visit. */
function storedPerson(): Person | null {
  return personIn(localStorage.getItem(key));
}

function personIn(text: string | null): Person | null {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    return isPerson(value) ? value : null;
  } catch {
    return null;
  }
}

/** A number as people read it: "+1 415 555 0123"; one of another country stays as it is. */
export function spacedNumber(number: string): string {
  return number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
}

/** What a person is called in a greeting: "Ada". */
export function firstName(name: string): string {
  return name.split(" ")[0] ?? name;
}

/** Reads whether a stored or sent value is a person. */
function isPerson(value: unknown): value is Person {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Record<string, unknown>;
  return ["demo_token", "user", "name", "phone_number"].every(
    (name) => typeof fields[name] === "string",
  );
}

/**
 * The demo person that all frames of this browser share. Made once, whichever
 * page asks first; made again when the server no longer knows them.
 */
export async function ensurePerson(): Promise<Person> {
  if (!navigator.locks) return findOrMake();
  return navigator.locks.request(key, findOrMake);
}

/** Makes this browser another demo person's; see `followPerson`. */
export async function becomeSomebodyElse(): Promise<Person> {
  return await make();
}

/** Starts a page anew once another page of this browser has become another person; returns how to stop. */
export function followPerson(again: () => void): () => void {
  const listener = ({ key: changed, oldValue, newValue }: StorageEvent) => {
    if (changed !== key) return;
    const [before, after] = [personIn(oldValue), personIn(newValue)];
    if (before && after && before.user !== after.user) again();
  };
  window.addEventListener("storage", listener);
  return () => window.removeEventListener("storage", listener);
}

/** The person that an enrollment link speaks for; kept, so that this browser is theirs. */
export async function adoptPerson(demoToken: string): Promise<Person> {
  const me = await rest.call<Omit<Person, "demo_token">>("GET", "/demo/me", {
    headers: asPerson(demoToken),
  });
  return keep({ ...me, demo_token: demoToken });
}

async function findOrMake(): Promise<Person> {
  const known = storedPerson();
  if (!known) return make();
  try {
    return await adoptPerson(known.demo_token);
  } catch (error) {
    if (error instanceof NodError && !error.temporary) return make();
    throw error;
  }
}

async function make(): Promise<Person> {
  return keep(await rest.call<Person>("POST", "/demo/people", { body: {} }));
}

function keep(person: Person): Person {
  localStorage.setItem(key, JSON.stringify(person));
  return person;
}
