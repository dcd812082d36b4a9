/** A rest of time as the resend button writes it: "0:42", "2:05", "1:00:00". */
export function duration(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** A moment of a status body in epoch milliseconds; null where there is none. */
export function momentOf(time: string | null | undefined): number | null {
  return time ? Date.parse(time) : null;
}
