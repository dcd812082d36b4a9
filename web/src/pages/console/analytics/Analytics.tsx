import { RecommendationsPane } from "../RecommendationsPane";
import "./Analytics.css";

/** What the server counted over some days, and what it advises. */
export function Analytics({ token }: { token: string }) {
  const days = 30;
  return (
    <section className="analytics" aria-labelledby="analytics">
      <h2 id="analytics">Last {days} days</h2>
      <RecommendationsPane token={token} days={days} />
    </section>
  );
}
