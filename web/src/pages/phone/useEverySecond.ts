import { useEffect, useReducer } from "react";

/** Draws again every second, for a rest of time that somebody else's clock tells. */
export function useEverySecond(): void {
  const [, turn] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const timer = setInterval(turn, 1000);
    return () => clearInterval(timer);
  }, []);
}
