import { withoutCredentials } from '../account/people.ts';
import { startBusy } from '../e2e/two-hosts.ts';
import { enrolSecond, type TestHost } from '../house/house.ts';
import { addCompany, hearOfCompany } from './company.ts';
import { runSql } from './database.ts';
import type { Stage } from './stage.ts';

/** A day of one person with two hosts and a desktop whose guest really moves, in a company of others. */

export interface Day {
  readonly laptop: TestHost;
  readonly tower: TestHost;
  readonly recoveryWords: readonly string[];
}

/** Both hosts enrolled, the desktop `work` running on the laptop. */
export async function beginDay(stage: Stage): Promise<Day> {
  const { house } = stage;
  // Their keys lie in plain files, where a test can read what must not be seen.
  const environment = withoutCredentials(house);
  const [laptop, tower] = await Promise.all([house.addHost('marta-laptop', environment), house.addHost('marta-tower', environment)]);
  const { recoveryWords } = await laptop.must('init', '--coordinator', house.url, '--name', laptop.name);
  await enrolSecond(laptop, tower, house.url);
  await startBusy(laptop, 'work');
  return { laptop, tower, recoveryWords };
}

/** Puts what happened in minutes where it would lie had it taken the day, beside the company and a month of the store's growth. */
export function spreadDay(stage: Stage): void {
  addCompany(stage.house, 40);
  // Newest first, each some quarters of an hour before the one after it; the newest stays where it is.
  const apart = (table: string, key: string, order: string, times: readonly string[]): string => `
    with placed as (select ctid as place, ((row_number() over (order by ${order} desc)) - 1) * interval '47 min' as earlier from ${table})
    update ${table} t set ${times.map((time) => `${time} = ${time} - placed.earlier`).join(', ')} from placed where placed.place = t.ctid and placed.earlier > interval '0' and t.${key} is not null;`;
  runSql(stage.house, `
    ${apart('moves', 'move_id', 'started_at', ['started_at', 'told_at', 'advanced_at'])}
    ${apart('checkpoints', 'sequence', 'sequence', ['acknowledged_at'])}
    ${apart('events', 'event_id', 'event_id', ['recorded_at'])}
    update checkpoints set created_ms = floor(extract(epoch from acknowledged_at) * 1000);
    insert into store_days (day, live_bytes, dead_bytes, objects)
      select current_date - i, sum(length_bytes) * (60 - i + (i * 7) % 5) / 62, sum(length_bytes) / (9 + (i * 5) % 7), count(*) * (60 - i) / 60 + 1
      from objects, generate_series(1, 40) i group by i on conflict do nothing;
  `);
  hearOfCompany(stage.house);
}
