import type { PhoneState } from "../../sdk";
import { usePhones } from "../usePhones";

/** The number as its person gave it, written as people do; after a reload the server's masked one at least. */
export function useShownNumber({ phoneNumber, status }: PhoneState): string {
  const phones = usePhones();
  if (!phoneNumber) return status?.phone_number ?? "";
  return phones?.show(phoneNumber) ?? phoneNumber;
}
