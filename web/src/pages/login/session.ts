/** What a reload needs to go on with the same sign-in; it ends with the tab. */
export interface Open {
  verification_id: string;
  client_secret: string;
  /** This browser is to be remembered at its end. */
  remember?: boolean;
}

/** Who is signed in on this page. */
export interface SignedIn {
  user: string;
  name: string;
  method: string;
  at: string;
  /** The next sign-in in this browser needs no answer. */
  remembered?: boolean;
}

const openKey = "nod.login.open";
const signedInKey = "nod.login.done";

/** The sign-in that a reload resumes; null when there is none. */
export function openSignIn(): Open | null {
  return read(openKey, ["verification_id", "client_secret"]) as Open | null;
}

/** The finished sign-in of this tab; null when nobody is signed in. */
export function signedIn(): SignedIn | null {
  return read(signedInKey, ["user", "name", "method", "at"]) as SignedIn | null;
}

/** Remembers the sign-in that is under way. */
export function keepOpen(open: Open): void {
  sessionStorage.removeItem(signedInKey);
  sessionStorage.setItem(openKey, JSON.stringify(open));
}

/** Remembers who signed in, and forgets the secret. */
export function keepSignedIn(person: SignedIn): void {
  sessionStorage.removeItem(openKey);
  sessionStorage.setItem(signedInKey, JSON.stringify(person));
}

/** Forgets all of it: signed out. */
export function forget(): void {
  sessionStorage.removeItem(openKey);
  sessionStorage.removeItem(signedInKey);
}

function read(key: string, fields: string[]): unknown {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    if (typeof value !== "object" || value === null) return null;
    const all = fields.every(
      (name) => typeof (value as Record<string, unknown>)[name] === "string",
    );
    return all ? value : null;
  } catch {
    return null;
  }
}
