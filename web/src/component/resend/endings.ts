import type { StatusBody } from "../../sdk";
import type { IconName } from "../../theme/Icon";
import type { PlainKey } from "../texts";

/** How the proof of a number ended without one: what happened, and what to do. */
export interface Ending {
  title: PlainKey;
  text: PlainKey;
  icon: IconName;
  tone: "plain" | "problem";
}

/** The words for each way it can end; a way that is newer than this page reads as canceled. */
export function endingOf({ status, reason }: Pick<StatusBody, "status" | "reason">): Ending {
  switch (status) {
    case "expired":
      return { title: "end.expired", text: "end.expired_text", icon: "clock", tone: "plain" };
    case "failed":
      return reason === "max_attempts"
        ? { title: "end.tries", text: "end.tries_text", icon: "lock", tone: "problem" }
        : {
            title: "end.unreachable",
            text: "end.unreachable_text",
            icon: "nosignal",
            tone: "problem",
          };
    case "blocked":
      return { title: "end.blocked", text: blocked(reason), icon: "shield", tone: "problem" };
    default:
      return reason === "phone_changed"
        ? { title: "end.changed", text: "end.changed_text", icon: "app", tone: "plain" }
        : { title: "end.canceled", text: "end.canceled_text", icon: "cross", tone: "plain" };
  }
}

function blocked(reason: StatusBody["reason"]): PlainKey {
  switch (reason) {
    case "account_locked":
      return "end.locked_text";
    case "country":
      return "end.country_text";
    case "fraud_rule":
      return "problem.blocked_fraud_rule_text";
    case "spend_cap":
      return "problem.blocked_spend_cap_text";
    default:
      return "end.blocked_text";
  }
}
