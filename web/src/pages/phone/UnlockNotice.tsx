import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { Icon } from "../../theme/Icon";
import { unlockTrouble } from "./unlock";
import type { Phone } from "./usePhone";

/** Says that the person is checked before an approval, or why that cannot be and what to do. */
export function UnlockNotice({ phone }: { phone: Phone }) {
  if (phone.unlock === "ready") {
    return (
      <p className="sheet-unlock">
        <Icon name="lock" />
        Approving asks for your fingerprint, face or PIN: the first time twice, to set it up.
      </p>
    );
  }
  const trouble = unlockTrouble(phone.unlock);
  if (!trouble) return null;
  return (
    <Notice
      tone="problem"
      icon="warning"
      title={trouble.title}
      action={
        phone.renewUnlock && (
          <Button tone="quiet" disabled={phone.busy} onClick={phone.renewUnlock}>
            Set it up again
          </Button>
        )
      }
    >
      {trouble.text}
    </Notice>
  );
}
