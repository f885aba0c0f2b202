import pg from 'pg';

/** Every statement that this process asks PostgreSQL, as it is asked: what a test shows the plans of. */

export interface RecordedQuery {
  readonly text: string;
  readonly values: readonly unknown[];
}

type Asking = (...words: unknown[]) => unknown;

/** What `act` asked. One at a time: it changes the client that everybody here uses, and changes it back. */
export async function queriesOf(act: () => Promise<unknown>): Promise<RecordedQuery[]> {
  const recorded: RecordedQuery[] = [];
  const client = pg.Client.prototype as unknown as { query: Asking };
  const { query } = client;
  client.query = function record(this: unknown, ...words: unknown[]): unknown {
    const [first, second] = words;
    const { text, values } = typeof first === 'string' ? { text: first, values: second } : (first as { text: string; values?: unknown });
    recorded.push({ text, values: Array.isArray(values) ? values : [] });
    return query.apply(this, words);
  };
  try {
    await act();
  } finally {
    client.query = query;
  }
  return recorded;
}
