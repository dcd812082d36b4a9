import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { unlockWords } from "./unlock";
import type { Phone } from "./usePhone";

/** Says that the person is checked before an approval, or why that cannot be and what to do. */
export function UnlockNotice({ phone }: { phone: Phone }) {
  const words = unlockWords(phone.unlock);
  if (!words) return null;
  const ready = phone.unlock === "ready";
  return (
    <Notice
      key={phone.unlock} // a new one, so that it is told aloud
      tone={ready ? "plain" : "problem"}
      icon={ready ? "lock" : "warning"}
      title={words.title}
      action={
        phone.renewUnlock && (
          <Button tone="quiet" disabled={phone.busy} onClick={phone.renewUnlock}>
            Set it up again
          </Button>
        )
      }
    >
      {words.text}
    </Notice>
  );
}
