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

/** Whoever asks for this advisory lock waits until it is given free; only triggers of tests ask for any. */
export async function holdLock(databaseUrl: string, number: number): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('select pg_advisory_lock($1)', [number]);
  return { [Symbol.asyncDispose]: () => client.end() };
}
