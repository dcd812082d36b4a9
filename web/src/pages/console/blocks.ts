import { countryName } from "../../component/country";
import type { Question } from "./ConfirmDialog";

/** What an operator may block. */
export type BlockKind = "number" | "prefix" | "country" | "user";

/** Something that is blocked, as the server lists it: numbers are masked. */
export interface Block {
  /** Absent for a person, whose label is their id. */
  id?: string;
  kind: BlockKind;
  label: string;
  at: string;
  /** Whose call it was; absent for a person, whose timelines tell. */
  by?: string;
}

/** A block by its id, or by what it is of. */
export type BlockName = { id: string } | { kind: BlockKind; value: string };

/** What a block is called when it is to be lifted. */
export function nameOf({ id, kind, label }: Block): BlockName {
  return id ? { id } : { kind, value: label };
}

/** A kind in words, with how its value is written. */
interface KindWords {
  /** In the list of kinds. */
  name: string;
  /** Above the field of its value. */
  field: string;
  example: string;
  /** What is wrong with a value that is none. */
  fault: string;
  /** What a block of it does. */
  effect: string;
}

const codes =
  "No more codes go there by SMS or call, and those already sent no longer work. People with the app can still answer in it.";

/** The kinds, in the order in which they are offered. */
export const kinds: Readonly<Record<BlockKind, KindWords>> = {
  number: {
    name: "Number",
    field: "Number with its country code",
    example: "+371 2000 0123",
    fault:
      "Write the whole number with + and its country code, for example +371\u00a02000\u00a00123.",
    effect: codes,
  },
  prefix: {
    name: "Prefix",
    field: "Prefix: + and 2 to 8 digits",
    example: "+371 2000",
    fault:
      "Write + and the first 2 to 8 digits that the numbers share, for example +371\u00a02000.",
    effect: codes,
  },
  country: {
    name: "Country",
    field: "Country: its two letters",
    example: "LV",
    fault: "Write the two letters of a country, for example LV for Latvia.",
    effect: codes,
  },
  user: {
    name: "Person",
    field: "The user id of your own service",
    example: "user-4711",
    fault: "Write the id under which your service knows the person, 128 characters at most.",
    effect:
      "They can neither sign in nor prove a number, and what is open for them is canceled. Sessions that your own service has given them go on.",
  },
};

/** What was typed, as the server takes it; null where it can be no value of this kind. */
export function blockValue(kind: BlockKind, typed: string): string | null {
  const text = typed.trim();
  switch (kind) {
    case "number":
      return matching(/^\+[1-9]\d{5,14}$/, digitsOf(text));
    case "prefix":
      return matching(/^\+[1-9]\d{1,7}$/, digitsOf(text));
    case "country": {
      const code = text.toUpperCase();
      return countryName(code) === code ? null : code;
    }
    case "user":
      return text.length > 0 && text.length <= 128 ? text : null;
  }
}

function digitsOf(text: string): string {
  return text.replace(/[\s().-]/g, "").replace(/^00/, "+");
}

function matching(pattern: RegExp, text: string): string | null {
  return pattern.test(text) ? text : null;
}

/** What is blocked, in words: "number +1 ••• 23", "Latvia (LV)". Spaces in a number do not break. */
export function blockWords(kind: BlockKind, label: string): string {
  if (kind === "country") return `${countryName(label)} (${label})`;
  return `${kinds[kind]?.name.toLowerCase() ?? kind} ${label.replaceAll(" ", "\u00a0")}`;
}

/** Asks before something is blocked. */
export function blockQuestion(kind: BlockKind, value: string): Question {
  return {
    title: `Block ${blockWords(kind, value)}?`,
    text: `${kinds[kind].effect} It stays so until an operator lifts the block.`,
    go: "Block it",
    keep: "Do not block",
    danger: true,
  };
}

/** Asks before a block is lifted. */
export function liftQuestion(kind: BlockKind, label: string): Question {
  const closed = kind === "prefix" ? " A prefix that was closed by itself opens, too." : "";
  const open =
    kind === "user" ? "They can sign in again at once." : "Codes can go there again at once.";
  return {
    title: `Lift the block of ${blockWords(kind, label)}?`,
    text: `${open}${closed}`,
    go: "Lift it",
    keep: "Leave it",
  };
}
