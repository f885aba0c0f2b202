import pg from 'pg';

/** Asks a database past its coordinators. */
export async function rowsOf<Row extends object>(databaseUrl: string, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** Whoever reads or writes this table waits until it is given free. */
export async function holdTable(databaseUrl: string, table: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('begin');
  await client.query(`lock table ${client.escapeIdentifier(table)} in access exclusive mode`);
  return { [Symbol.asyncDispose]: () => client.end() };
}
