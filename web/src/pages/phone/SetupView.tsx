import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import type { Phone } from "./usePhone";

/** The first seconds of a phone: it makes its keys and joins its person. */
export function SetupView({ phone }: { phone: Phone }) {
  return (
    <div className="setup">
      <h1 className="nod-spoken">New phone</h1>
      {phone.problem ? (
        <Notice
          tone="problem"
          icon="warning"
          title={phone.problem.title}
          action={phone.again && <Button onClick={phone.again}>Try again</Button>}
        >
          {phone.problem.text}
        </Notice>
      ) : (
        <>
          <p>Setting up this phone. Its key is made here and never leaves it.</p>
          <Skeleton lines={3} label="Setting up this phone" />
        </>
      )}
    </div>
  );
}
