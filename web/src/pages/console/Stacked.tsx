import type { CSSProperties } from "react";
import "./Stacked.css";

/** A bar of two: a whole, as high as its share of the highest, and in it the part that went well. */
export function Stacked({
  whole,
  part,
  most,
  onPoint,
}: {
  whole: number;
  part: number;
  /** Of all bars beside it. */
  most: number;
  /** The pointer is over it. */
  onPoint?: () => void;
}) {
  const style = {
    "--whole": most > 0 ? whole / most : 0,
    "--part": whole > 0 ? Math.min(1, part / whole) : 0,
  } as CSSProperties;
  return <span className="stacked" style={style} onPointerEnter={onPoint} />;
}
