import { useReport } from "./useReport";

/** What would help, in plain sentences with the numbers behind them. */
export function RecommendationsPane({ token, days }: { token: string; days: number }) {
  const { answer } = useReport<{ recommendations: { title: string }[] }>(
    token,
    "recommendations",
    days,
  );
  return (
    <section className="pane advice" aria-labelledby="advice">
      <h3 id="advice">Recommendations</h3>
      {answer?.recommendations.map(({ title }) => (
        <p key={title}>{title}</p>
      ))}
    </section>
  );
}
