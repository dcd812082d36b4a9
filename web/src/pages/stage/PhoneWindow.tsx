import type { Ref } from "react";
import { PhoneFrame } from "../../component/PhoneFrame";
import type { StagePhone } from "./model";

/** One phone of the stage, a page of its own in a frame. */
export function PhoneWindow({
  phone,
  frame,
}: {
  phone: StagePhone;
  frame: Ref<HTMLIFrameElement>;
}) {
  const name = phone.slot === "1" ? "Phone" : `Phone ${phone.slot}`;
  return (
    <section
      className="stage-phone"
      id={`phone-${phone.slot}`}
      aria-label={name}
      data-waiting={phone.waiting ? "" : undefined}
    >
      <PhoneFrame>
        <iframe
          ref={frame}
          title={name}
          src={phone.slot === "1" ? "/phone" : `/phone?slot=${phone.slot}`}
          allow="clipboard-write"
        />
      </PhoneFrame>
    </section>
  );
}
