import { useEffect, useRef } from "react";
import { SmartResendView } from "../../../component/resend/SmartResendView";
import type { SmartResendActs } from "../../../component/resend/useSmartResend";
import { type Story, storyNow } from "./stories";

const nothing = async () => false;

const still: SmartResendActs = {
  send: nothing,
  check: nothing,
  resend: nothing,
  changePhone: nothing,
  cancel: nothing,
  takeOver: nothing,
  again: () => {},
  loadSummary: async () => true,
  finish: nothing,
};

/** The component in one state, at one moment. Whatever is pressed in it stays without effect. */
export function StoryView({ story }: { story: Story }) {
  const stage = useRef<HTMLDivElement>(null);
  const { press } = story;
  useEffect(() => {
    if (press) stage.current?.querySelector<HTMLElement>(press)?.click();
  }, [press]);
  return (
    <div ref={stage} data-story={story.name}>
      <SmartResendView
        state={story.state}
        act={still}
        now={() => storyNow}
        onBack={() => {}}
        patience={0}
      />
    </div>
  );
}
