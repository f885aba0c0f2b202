import type { LifecycleConfig } from 'minio';
import type { Finding } from './checks.ts';

/** As `minio` reads the XML of a rule: what is not in it is not there, one of a kind is no list. */
type Rule = Record<string, unknown>;

/** Whether a rule of the bucket takes objects below `prefix` away: by deleting them or by moving them to where they cannot be read at once. Pure. */
export function lifecycleFinding(config: LifecycleConfig | null, prefix: string): Finding {
  const rules = listOf((config as unknown as { Rule?: unknown } | null)?.Rule).filter((rule) => rule['Status'] !== 'Disabled' && meets(prefixOf(rule), prefix));
  const deleting = rules.filter((rule) => deletes(rule['Expiration']));
  if (deleting.length > 0) return { good: false, found: `a rule that deletes objects (${namesOf(deleting)})`, hint: 'desktops would lose what they need: end the rule, or keep it off the prefix of Godwit' };
  const moving = rules.filter((rule) => listOf(rule['Transition']).some((to) => /GLACIER|DEEP_ARCHIVE/.test(String(to['StorageClass']))));
  if (moving.length > 0) return { good: false, found: `a rule that moves objects to an archive (${namesOf(moving)})`, hint: 'a desktop that is resumed needs them at once: end the rule, or keep it off the prefix of Godwit' };
  return { good: true, found: rules.length === 0 ? 'no rule' : 'only rules that do no harm' };
}

/** `ExpiredObjectDeleteMarker` alone only tidies up. */
function deletes(expiration: unknown): boolean {
  return listOf(expiration).some((when) => when['Days'] !== undefined || when['Date'] !== undefined);
}

/** A rule for some prefix meets ours when one begins with the other; rules by tag or size are taken to meet it. */
function meets(rule: string, prefix: string): boolean {
  return rule.startsWith(prefix) || prefix.startsWith(rule);
}

function prefixOf(rule: Rule): string {
  const filter = listOf(rule['Filter'])[0] ?? {};
  const found = rule['Prefix'] ?? filter['Prefix'] ?? listOf(filter['And'])[0]?.['Prefix'];
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
}

function namesOf(rules: readonly Rule[]): string {
  return rules.map((rule) => (typeof rule['ID'] === 'string' || typeof rule['ID'] === 'number' ? String(rule['ID']) : 'without a name')).join(', ');
}

function listOf(value: unknown): Rule[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((each): each is Rule => typeof each === 'object' && each !== null);
}
