import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import { firstAdmin, type TestBrowser } from '../testing/browser.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { enrol, raiseStage } from '../testing/stage.ts';

const told = async (browser: TestBrowser): Promise<string[]> =>
  (await browser.ask('listOperatorActs')).acts.map(({ operatorName, act, subject, detail }) => `${operatorName ?? 'the machine'}: ${act} ${subject} ${JSON.stringify(detail)}`).reverse();

describe('the record of what operators did', () => {
  test('has every act with who did it, also after they are gone, and every viewer may read it', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl });
    const ada = await firstAdmin(stage.coordinator);
    const bob = await ada.bring('Bob', 'viewer');
    const { operatorId } = (await bob.ask('readSession')).operator;
    await ada.ask('changeRole', { params: { operatorId }, body: { role: 'operator' } });
    const { client } = await enrol(stage.coordinator, 'laptop-x');
    const bar = (barred: boolean): Promise<unknown> => bob.ask('barHost', { params: { hostId: client.device.hostId }, body: { barred, reason: 'lost' } });
    await bar(true);
    await bar(true);
    await bar(false);
    const again = bob.elsewhere();
    const { sessionId } = await again.signIn();
    await ada.ask('endSession', { params: { sessionId } });
    await ada.ask('removeOperator', { params: { operatorId } });
    const host = client.device.hostId;
    const expected = [
      'Ada: passkey-made admin {}',
      'Ada: operator-invited Bob {"role":"viewer"}',
      'Bob: passkey-made viewer {}',
      'Ada: role-given Bob {"role":"operator","before":"viewer"}',
      `Bob: host-barred laptop-x {"host":"${host}","reason":"lost"}`,
      `Bob: host-admitted laptop-x {"host":"${host}","reason":"lost"}`,
      'Bob: signed-in passkey {}',
      'Ada: session-ended Bob {}',
      'Ada: operator-removed Bob {"role":"operator"}',
    ];
    const normal = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/\{.*\}$/, (json) => JSON.stringify(Object.entries(JSON.parse(json) as object).sort())));
    deepEqual(normal(await told(ada)), normal(expected));
    const low = await ada.bring('Low', 'viewer');
    equal((await told(low)).length, expected.length + 2);
    await using database = await connected(databaseUrl);
    for (const change of [`update operator_acts set subject = 'somebody else'`, 'delete from operator_acts', 'truncate operator_acts']) await rejects(database.client.query(change), /only grows/, change);
  });

  test('what was refused is not in it, and a long one comes page by page without a gap', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl });
    const ada = await firstAdmin(stage.coordinator);
    const { operatorId } = (await ada.ask('readSession')).operator;
    await rejects(ada.ask('removeOperator', { params: { operatorId } }), { code: 'OPERATOR_LAST_ADMIN' });
    await rejects(ada.ask('inviteOperator', { body: { name: 'ada', role: 'viewer' } }), { code: 'REQUEST_INVALID' });
    equal((await told(ada)).length, 1);
    await using database = await connected(databaseUrl);
    await database.client.query(`insert into operator_acts (operator_name, act, subject) select 'Ada', 'signed-in', 'passkey' from generate_series(1, 149)`);
    const first = await ada.ask('listOperatorActs');
    const rest = await ada.ask('listOperatorActs', { query: { before: String(first.next) } });
    deepEqual([first.acts.length, rest.acts.length, rest.next], [100, 50, null]);
    const ids = [...first.acts, ...rest.acts].map(({ actId }) => actId);
    ok(ids.every((id, at) => at === 0 || id < ids[at - 1]!));
  });
});

async function connected(databaseUrl: string): Promise<AsyncDisposable & { readonly client: pg.Client }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}
