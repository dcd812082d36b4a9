import type { Text } from "./say";

// Every word that a person reads, in English. A key's prefix names the part that says it. Other
// languages translate whole sentences, so none is glued together from pieces; `{name}` is filled in
// and may move. A text that depends on a count has one form for each plural category of its
// language (Intl.PluralRules); `other` is always there. Durations such as 0:42 and digits stay as
// they are in every language.
export const en = {
  // The button that sends another code.
  "resend.in": "Resend in {time}",
  "resend.again": "Resend Code ({used}/{most})",
  "resend.none": "Max Resends Reached",

  // The field for the code.
  "code.label": "{length}-digit code",
  "code.tries_left": { one: "One try left", other: "{count} tries left" },
} as const satisfies Record<string, Text>;
