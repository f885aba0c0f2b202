import { Controller, Inject } from '@nestjs/common';
import { Fault } from '@godwit/base';
import { decodeLeaf } from '@godwit/crypto';
import { bytesOf, textOf, type AnswerOf, type Routes } from '@godwit/wire';
import { databaseToken } from '../tokens.ts';
import { reached, type Database } from '../database/database.ts';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { readLease } from '../leases/lease.transitions.ts';
import { AuditLog } from './audit-log.ts';

type Answer<Id extends keyof Routes> = Promise<AnswerOf<Routes[Id]>>;

/** The log as hosts may read it: heads and hashes of all of it, leaves of their own account only. */
@Controller()
export class AuditController {
  readonly #log: AuditLog;
  readonly #db: Database;

  constructor(@Inject(AuditLog) log: AuditLog, @Inject(databaseToken) db: Database) {
    this.#log = log;
    this.#db = db;
  }

  @Serve('readTreeHead')
  async head(@Asked() { query }: Call<'readTreeHead'>): Answer<'readTreeHead'> {
    const { head, consistency } = await this.#log.headSince(query.seen === undefined ? undefined : bytesOf(query.seen));
    return { head: textOf(head.bytes), consistency: consistency.map(textOf) };
  }

  @Serve('readConsistency')
  async consistency(@Asked() { query }: Call<'readConsistency'>): Answer<'readConsistency'> {
    const { size } = await this.#log.reader.newest();
    const to = below(Number(query.to), size + 1, 'query.to');
    const from = below(Number(query.from), to + 1, 'query.from');
    return { consistency: (await this.#log.reader.consistency(from, to)).map(textOf) };
  }

  @Serve('listLeaves')
  async leaves(@Asked() { caller, query }: Call<'listLeaves'>): Answer<'listLeaves'> {
    const { reader } = this.#log;
    const size = below(Number(query.size), (await reader.newest()).size + 1, 'query.size');
    const page = await reader.page(caller.accountId, Number(query.from ?? 0), size);
    const leaves = await Promise.all(page.map(async ({ index, bytes }) => ({ index, leaf: textOf(bytes), inclusion: (await reader.inclusion(index, size)).map(textOf) })));
    const last = page.at(-1);
    const more = last === undefined ? [] : await reader.page(caller.accountId, last.index + 1, size);
    return { leaves, next: more[0]?.index ?? null };
  }

  @Serve('readInclusion')
  async inclusion(@Asked() { caller, params, query }: Call<'readInclusion'>): Answer<'readInclusion'> {
    const { reader } = this.#log;
    const size = below(Number(query.size), (await reader.newest()).size + 1, 'query.size');
    const leaf = await reader.leaf(caller.accountId, Number(params.index));
    if (leaf === undefined || leaf.index >= size) throw new Fault('LEAF_NOT_FOUND', { subject: `leaf ${params.index}` });
    return { leaf: textOf(leaf.bytes), inclusion: (await reader.inclusion(leaf.index, size)).map(textOf) };
  }

  /** The leaf is read before the head, so the head's tree has it. */
  @Serve('readReceipt')
  async receipt(@Asked() { caller, params, query }: Call<'readReceipt'>): Answer<'readReceipt'> {
    const { accountId } = caller;
    await reached(() => readLease(this.#db, accountId, params.desktopId));
    const found = await this.#log.reader.find(accountId, params.desktopId, query.kind, Number(query.number));
    if (found === undefined) throw new Fault('LEAF_NOT_FOUND', { subject: `${query.kind} ${query.number}` });
    const { head, consistency } = await this.#log.headSince(query.seen === undefined ? undefined : bytesOf(query.seen));
    this.#log.requireServing();
    const [inclusion, witnessed] = await Promise.all([this.#log.reader.inclusion(found.index, head.size), this.#log.witnessed(decodeLeaf(found.bytes), head)]);
    return { index: found.index, leaf: textOf(found.bytes), inclusion: inclusion.map(textOf), head: textOf(head.bytes), consistency: consistency.map(textOf), witnessed: witnessed.map(textOf) };
  }
}

function below(value: number, end: number, subject: string): number {
  if (value >= end) throw new Fault('REQUEST_INVALID', { subject, expected: `below ${end}` });
  return value;
}
