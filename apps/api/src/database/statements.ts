import type pg from 'pg';
import type { Log } from '@godwit/base';
import { openPool, reached, type DatabaseAddress } from './database.ts';

/** A few connections, so that each has prepared them and stays warm; apart from those that transactions may hold for long. */
const connectionsMax = 4;

export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** The statements of every request, prepared once per connection: neither built nor planned again, they cost a third. */
export class Statements {
  readonly #pool: pg.Pool;

  constructor(address: DatabaseAddress, log: Log) {
    this.#pool = openPool(address, connectionsMax, log);
  }

  /** Rows as the statement names their columns: whoever wrote it knows their type. A broken connection is DATABASE_UNAVAILABLE. */
  async run<Row extends object>({ name, text }: Statement, values: readonly unknown[]): Promise<Row[]> {
    return (await reached(() => this.#pool.query<Row>({ name, text, values: [...values] }))).rows;
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
