import { Inject, Injectable } from '@nestjs/common';
import type { HostId } from '@godwit/base';
import { REQUEST_NONCE_KEEP_MS } from '@godwit/crypto';
import { Batches } from '../database/batches.ts';
import { Statements, type Statement } from '../database/statements.ts';

/** A host's last contact is written at most this often: each request would else rewrite its row. */
const contactGranularitySeconds = 5;
const batchMax = 256;

interface Spending {
  readonly hostId: HostId;
  readonly nonce: Buffer;
}

/** `fresh`: never seen before. `current`: the host is one of its account now; undefined for one that was never enrolled. `barred`: an operator keeps it out. */
export interface Spent {
  readonly fresh: boolean;
  readonly current: boolean | undefined;
  readonly barred: boolean;
}

/**
 * Each nonce is good once, for as long as a request with it could be accepted. Durable before any answer and shared by all replicas: it
 * holds across restarts. Says on the way whether the host is current and not kept out, and notes its contact; a row that somebody holds is not waited for.
 */
@Injectable()
export class Nonces {
  readonly #batches: Batches<Spending, Spent>;

  constructor(@Inject(Statements) statements: Statements) {
    this.#batches = new Batches((spendings) => spendAll(statements, spendings), batchMax);
  }

  spend(hostId: HostId, nonce: Buffer): Promise<Spent> {
    return this.#batches.ask({ hostId, nonce });
  }
}

const spend: Statement = {
  name: 'spend-nonces',
  text: `
    with asked as (
      select * from unnest($1::uuid[], $2::bytea[]) with ordinality as asked (host_id, nonce, place)
    ), spent as (
      insert into request_nonces (host_id, nonce, expires_at)
      select host_id, nonce, now() + make_interval(secs => ${REQUEST_NONCE_KEEP_MS / 1000}) from asked
      on conflict do nothing returning host_id, nonce
    ), due as (
      select host_id from hosts
      where host_id in (select host_id from spent) and (last_contact_at is null or last_contact_at < now() - interval '${contactGranularitySeconds} seconds')
      for no key update skip locked
    ), contact as (
      update hosts set last_contact_at = now() from due where hosts.host_id = due.host_id
    )
    select spent.host_id is not null as fresh, hosts.current, hosts.barred_at is not null as barred
    from asked left join spent on spent.host_id = asked.host_id and spent.nonce = asked.nonce left join hosts on hosts.host_id = asked.host_id
    order by asked.place`,
};

async function spendAll(statements: Statements, spendings: readonly Spending[]): Promise<Spent[]> {
  const rows = await statements.run<{ fresh: boolean; current: boolean | null; barred: boolean }>(spend, [spendings.map(({ hostId }) => hostId), spendings.map(({ nonce }) => nonce)]);
  // One statement writes a nonce once, however often it was asked for in it: only the first of them was fresh.
  const seen = new Set<string>();
  return spendings.map(({ hostId, nonce }, index) => {
    const key = hostId + nonce.toString('hex');
    const fresh = rows[index]?.fresh === true && !seen.has(key);
    seen.add(key);
    return { fresh, current: rows[index]?.current ?? undefined, barred: rows[index]?.barred === true };
  });
}
