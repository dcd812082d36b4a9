import { english } from "../../component/texts";
import { inWords } from "../../component/time";
import type { WebhookMessage, WebhookReport } from "./useWebhooks";

const silences: Record<string, string> = {
  dns: "Its host was not found",
  tls: "Its certificate was not accepted",
  connect: "Nobody listened there",
  timeout: "It did not answer in time",
  reset: "It broke the connection",
};

/** What became of one event, in words. */
export function webhookWords(
  message: WebhookMessage,
  { server_time, disabled_at }: WebhookReport,
): string {
  const { state, attempts, next_try_at } = message;
  const tries = `${attempts} ${attempts === 1 ? "try" : "tries"}`;
  switch (state) {
    case "delivered":
      return attempts > 1 ? `Taken after ${tries}` : "Taken at the first try";
    case "held":
      return "Held until the endpoint is enabled and it is replayed";
    case "failed":
      return `${lastTry(message) ?? "No answer"}. Given up after ${tries}`;
  }
  if (disabled_at) return "Will be held: the endpoint is disabled";
  const last = lastTry(message);
  if (!last || !next_try_at) return "On its way";
  const seconds = Math.ceil((Date.parse(next_try_at) - Date.parse(server_time)) / 1000);
  return `${last}. Next try ${seconds > 0 ? `in ${inWords(english, seconds)}` : "now"}`;
}

function lastTry({ status, detail }: WebhookMessage): string | null {
  if (detail === "redirect") return `It answered ${status}, and redirects are not followed`;
  if (status) return `It answered ${status}`;
  return detail ? (silences[detail] ?? "It could not be reached") : null;
}

/** "3 waiting, 120 delivered, 1 failed": what there is none of is left out. */
export function countWords({ counts }: WebhookReport): string {
  const order = ["waiting", "held", "failed", "delivered"] as const;
  const some = order.filter((state) => counts[state] > 0);
  const most = 10_000;
  return some
    .map((state) => `${counts[state] >= most ? "10,000 or more" : counts[state]} ${state}`)
    .join(", ");
}
