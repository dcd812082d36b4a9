import { Fragment, type ReactNode } from "react";
import type { Key } from "./say";
import { useSay } from "./TextsProvider";

/** A text with elements in its slots: a number that stands out, a link within its sentence. */
export function Phrase({ text, slots }: { text: Key; slots: Readonly<Record<string, ReactNode>> }) {
  const pieces = useSay().pieces(text);
  return pieces.map((piece, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a piece is its place
    <Fragment key={place}>{place % 2 === 0 ? piece : slots[piece]}</Fragment>
  ));
}
