/** What operators did, newest first. */
export function ActsPane(_: { token: string; onChoose: (id: string) => void }) {
  return (
    <section className="pane acts" aria-labelledby="acts">
      <h2 id="acts">Operators</h2>
    </section>
  );
}
