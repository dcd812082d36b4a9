import type { PhoneState } from "../../sdk";
import { Button } from "../Button";
import { ProblemNotice } from "../ProblemNotice";
import { Skeleton } from "../Skeleton";
import { useSay } from "../texts";

/** Finds out what a reload interrupted; where that takes long it says why, and there is a way out. */
export function LoadingView({ state, onBack }: { state: PhoneState; onBack: () => void }) {
  const say = useSay();
  const { problem, retryIn } = state;
  return (
    <>
      {problem && <ProblemNotice problem={problem} retryIn={retryIn} />}
      <Skeleton lines={4} label={say("loading")} />
      {problem && (
        <Button tone="quiet" onClick={onBack}>
          {say("entry.back")}
        </Button>
      )}
    </>
  );
}
