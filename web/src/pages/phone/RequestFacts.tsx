import { useState } from "react";
import { timeOfDay } from "../../component/time";
import type { Prompt } from "../../sdk";
import { Icon, type IconName } from "../../theme/Icon";
import { browserWords } from "./model";

/** Where the request comes from, one fact a line; what is not known is left out. */
export function RequestFacts({ prompt }: { prompt: Prompt }) {
  const [openedAt] = useState(Date.now);
  const { location, user_agent, ip } = prompt.context;
  return (
    <dl className="facts">
      {location && <Fact icon="place" name="Place" value={location} />}
      <Fact icon="browser" name="Browser" value={browserWords(user_agent) ?? "Unknown browser"} />
      {ip && <Fact icon="online" name="Address" value={ip} />}
      <Fact icon="clock" name="Time" value={`Today, ${timeOfDay(openedAt, false)}`} />
    </dl>
  );
}

function Fact({ icon, name, value }: { icon: IconName; name: string; value: string }) {
  return (
    <div className="fact">
      <Icon name={icon} />
      <dt className="nod-spoken">{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
