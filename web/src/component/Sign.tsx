import { Icon, type IconName } from "../theme/Icon";
import "./Sign.css";

/** The sign above an ending: quiet, or the colour of danger for a problem. */
export function Sign({ icon, tone }: { icon: IconName; tone: "plain" | "problem" | "good" }) {
  return (
    <span className="nod-sign" data-tone={tone}>
      <Icon name={icon} />
    </span>
  );
}
