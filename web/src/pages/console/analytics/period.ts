import { useEffect, useState } from "react";

/** The periods that are told of, in days. */
export const periods = ["1", "7", "30", "90"] as const;
export type PeriodDays = (typeof periods)[number];

/** The period that an address names; 30 days where it names none. */
export function periodOf(hash: string): PeriodDays {
  const days = new URLSearchParams(hash.replace(/^#/, "")).get("days");
  return periods.find((period) => period === days) ?? "30";
}

/** The chosen period. It stands in the address, so that a reload or a shared link shows the same. */
export function usePeriod(): [PeriodDays, (days: PeriodDays) => void] {
  const [days, setDays] = useState(() => periodOf(location.hash));
  useEffect(() => {
    const follow = () => setDays(periodOf(location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  const choose = (next: PeriodDays) => {
    history.replaceState(history.state, "", `#days=${next}`);
    setDays(next);
  };
  return [days, choose];
}
