import { Skeleton } from "../../../component/Skeleton";
import { Icon } from "../../../theme/Icon";
import { Columns } from "../Columns";
import { byLadder, canFail, channelIcon, channelName } from "../channels";
import type { ProviderHealth, Together } from "../nodes";
import { count, many } from "../numbers";
import type { ChannelNow } from "../pulse";

/** How each channel does in the hour that runs, and whether its providers take messages. */
export function ChannelsNow({
  sends,
  all,
}: {
  /** Null while nothing is known. */
  sends: ChannelNow[] | null;
  all: Together | null;
}) {
  const providers = all?.providers ?? [];
  const app = sends?.find(({ channel }) => !canFail(channel));
  const unreached = app?.failed ?? 0;
  return (
    <div className="live-channels">
      <h3 id="channels-now">Channels this hour</h3>
      {!sends && <Skeleton lines={3} />}
      {sends?.length === 0 && (
        <p className="pane-empty">The first message of this hour appears here with its channel.</p>
      )}
      {sends && sends.length > 0 && (
        <table className="numbers" aria-labelledby="channels-now">
          <Columns names={["Channel", "Sent", "Arrived", "Failed", "Approved"]} />
          <tbody>
            {[...sends].sort(byLadder).map(({ channel, accepted, delivered, failed, approved }) => (
              <tr key={channel}>
                <th scope="row">
                  <Icon name={channelIcon(channel)} /> {channelName(channel)}
                </th>
                <td>{count(accepted)}</td>
                <td>{count(delivered)}</td>
                <td data-bad={canFail(channel) && isMuch(failed, accepted) ? "" : undefined}>
                  {canFail(channel) ? count(failed) : "–"}
                </td>
                <td>{count(approved)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {unreached > 0 && (
        <p className="pane-note">
          {many(unreached, "time")} no phone was connected, and the next channel was taken.
        </p>
      )}
      {providers.length > 0 && (
        <ul className="live-providers" aria-label="Providers">
          {providers.map((one) => (
            <li key={`${one.channel} ${one.provider}`} data-state={one.state}>
              <span className="live-provider">{one.provider}</span>{" "}
              <span className="live-state">{stateWords(one, all?.nodes ?? 1)}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

// One in ten, once that is more than a few.
function isMuch(failed: number, accepted: number): boolean {
  return failed >= 5 && failed * 9 >= accepted;
}

function stateWords({ channel, state, latency_ms, nodes }: ProviderHealth, of: number): string {
  const name = channelName(channel);
  if (state === "closed") return latency_ms > 0 ? `${name} ${Math.ceil(latency_ms)} ms` : name;
  const where = of > 1 ? ` on ${nodes} of ${of} nodes` : "";
  return `${name} ${state === "open" ? "paused" : "on trial"}${where}`;
}
