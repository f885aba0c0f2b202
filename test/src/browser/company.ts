import type { House } from '../house/house.ts';
import { runSql } from './database.ts';

/** A company's hosts and desktops beside the real ones: rows as their agents would have left them, without the agents. */

const people = ['amara', 'bjorn', 'chen', 'dalia', 'emil', 'farah', 'goran', 'hana', 'ivo', 'jun', 'kofi', 'lena', 'mateo', 'nadia', 'oskar', 'priya'];
const kinds = ['work', 'build', 'design', 'books'];
const report = { agentVersion: '0.1.0', qemuVersions: ['7.2.22'], machineTypes: ['pc-q35-7.2'], cpuModels: ['qemu64-v1', 'Nehalem-v1', 'Skylake-Client-v1'], accelerators: ['kvm', 'tcg'], ramBytes: 17_179_869_184, diskFreeBytes: 214_748_364_800, userfaultfd: true, capabilities: {} };

const array = (words: readonly string[]): string => `(array[${words.map((word) => `'${word}'`).join(', ')}])`;
const pick = (words: readonly string[], index: string): string => `${array(words)}[1 + (${index}) % ${words.length}]`;
/** Numbered from the second round on, so that names stay names for a small company. */
const round = (index: string, size: number): string => `case when ${index} < ${size} then '' else '-' || (${index}) / ${size} end`;

/**
 * Adds `desktops` of them, two to a host and ten to an account. Most hosts were heard of seconds ago and most checkpoints are minutes old; some of
 * each are not, a third of the desktops is free, and some that are held have no checkpoint yet.
 */
export function addCompany(house: House, desktops: number): void {
  runSql(house, `
    insert into accounts (account_id, chain_length, created_at)
      select md5('account' || i)::uuid, 1, now() - interval '200 days' from generate_series(0, ${desktops} / 10) i;
    insert into hosts (host_id, account_id, name, sign_public, box_public, current, joined_at, last_contact_at, report)
      select md5('host' || i)::uuid, md5('account' || i / 5)::uuid, ${pick(people, 'i')} || '-laptop' || ${round('i', people.length)}, decode(md5('a' || i) || md5('b' || i), 'hex'), decode(md5('c' || i) || md5('d' || i), 'hex'),
        true, now() - make_interval(days => 30 + i % 150), now() - interval '5 s' * (i % 8), '${JSON.stringify(report)}' from generate_series(0, ${desktops} / 2) i;
    insert into desktops (account_id, desktop_id, name, holder_id, held, epoch, head_sequence, created_at, durable_at)
      select md5('account' || i / 10)::uuid, md5('desktop' || i)::uuid, ${pick(people, 'i / 2')} || '-' || ${pick(kinds, 'i')} || ${round('i', people.length * 2)}, md5('host' || i / 2)::uuid,
        i % 3 > 0 or i % 19 = 11, 1 + i % 7, case when i % 19 = 11 then null else 1 + i % 40 end, now() - make_interval(days => i % 90),
        case when i % 19 = 11 then null else now() - make_interval(secs => case when i % 13 = 4 then 3600 * (5 + i % 50) else 20 + (i * 37) % 800 end) end
      from generate_series(0, ${desktops} - 1) i;
  `);
}

/** Hosts of the company that are silent are heard of again just now, but for one, which was last heard of three hours ago. */
export function hearOfCompany(house: House): void {
  runSql(house, `
    update hosts set last_contact_at = now() - interval '5 s' where report->'capabilities' = '{}'::jsonb;
    update hosts set last_contact_at = now() - interval '3 hours' where host_id = md5('host2')::uuid;
  `);
}
