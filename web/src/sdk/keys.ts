import type { PlatformCredential } from "./assertion.ts";
import type { Jwks } from "./jws.ts";

/** Everything a device is: its name at the server and its keys. */
export interface DeviceRecord {
  /** `dev_…` */
  id: string;
  userId: string;
  name: string;
  /** Scheme and host of the server. */
  baseUrl: string;
  /** The server's public URL, the `aud` of all that the device signs. */
  audience: string;
  /** What the server signs with, as told at enrollment and refreshed since. */
  jwks: Jwks;
  /** ECDSA P-256, not extractable. */
  signKey: CryptoKey;
  /** ECDH P-256, not extractable; opens push messages. */
  encryptKey: CryptoKey;
  /** What checks the person here; none until a request first asked for that. */
  credential?: PlatformCredential;
  createdAt: string;
}

/** Keeps devices, one to a slot. */
export interface KeyStore {
  /** The device of a slot; null when there is none. */
  load(slot: string): Promise<DeviceRecord | null>;
  /** Takes the place of what was in the slot. */
  save(slot: string, record: DeviceRecord): Promise<void>;
  /** Forgets the device; its keys are gone with it. */
  remove(slot: string): Promise<void>;
}

/** Keeps devices until the program ends. */
export function memoryKeyStore(): KeyStore {
  const records = new Map<string, DeviceRecord>();
  return {
    load: async (slot) => records.get(slot) ?? null,
    save: async (slot, record) => {
      records.set(slot, record);
    },
    remove: async (slot) => {
      records.delete(slot);
    },
  };
}

/** Makes a device's signing keys; the private one never leaves the place it was made in. */
export async function makeSignKeys(): Promise<CryptoKeyPair> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  return await crypto.subtle.generateKey(curve, false, ["sign", "verify"]);
}

/** Makes a device's keys for reading push messages; not extractable either. */
export async function makeEncryptKeys(): Promise<CryptoKeyPair> {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  return await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
}
