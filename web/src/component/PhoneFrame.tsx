import type { ReactNode } from "react";
import "./PhoneFrame.css";

/** A phone drawn around its screen; on a small screen the device itself is the frame. */
export function PhoneFrame({ children }: { children: ReactNode }) {
  return (
    <div className="handset">
      <div className="handset-screen">{children}</div>
    </div>
  );
}
