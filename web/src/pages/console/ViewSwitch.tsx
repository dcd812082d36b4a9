import "./ViewSwitch.css";

/** Shows a chart's numbers as a table, or the chart again. */
export function ViewSwitch({
  of,
  table,
  onTable,
}: {
  /** What the chart is of, for who cannot see it. */
  of: string;
  table: boolean;
  onTable: (table: boolean) => void;
}) {
  return (
    <button type="button" className="view-switch" onClick={() => onTable(!table)}>
      {table ? "Chart" : "Table"} <span className="nod-spoken">of {of}</span>
    </button>
  );
}
