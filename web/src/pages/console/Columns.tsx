/** The names of a table's columns. */
export function Columns({ names, spoken = false }: { names: readonly string[]; spoken?: boolean }) {
  return (
    <thead className={spoken ? "nod-spoken" : undefined}>
      <tr>
        {names.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
