import type { CSSProperties } from "react";
import "./Bar.css";

/** A share as a bar, below the number that it repeats. */
export function Bar({ share }: { share: number }) {
  const style = { "--share": Math.min(1, Math.max(0, share)) } as CSSProperties;
  return <span className="bar" style={style} aria-hidden="true" />;
}
