import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import type { LifecycleConfig } from 'minio';
import { lifecycleFinding } from './lifecycle.ts';

const ruleOf = (rule: object): LifecycleConfig => ({ Rule: { ID: 'tidy', Status: 'Enabled', ...rule } }) as unknown as LifecycleConfig;
const isGood = (rule: object, prefix = 'godwit/'): boolean => lifecycleFinding(ruleOf(rule), prefix).good;

test('a rule that deletes or archives below the prefix is found, in every form in which it can say so', () => {
  equal(lifecycleFinding(null, 'godwit/').good, true);
  for (const place of [{}, { Prefix: '' }, { Prefix: 'god' }, { Prefix: 'godwit/a-1' }, { Filter: '' }, { Filter: { Prefix: 'godwit/' } }, { Filter: { And: { Prefix: 'godwit/', Tag: { Key: 'a', Value: 'b' } } } }, { Filter: { Tag: { Key: 'a', Value: 'b' } } }]) {
    equal(isGood({ ...place, Expiration: { Days: 30 } }), false, JSON.stringify(place));
    equal(isGood({ ...place, Expiration: { Date: '2027-01-01' } }), false);
    equal(isGood({ ...place, Transition: [{ Days: 1, StorageClass: 'STANDARD_IA' }, { Days: 90, StorageClass: 'DEEP_ARCHIVE' }] }), false);
  }
  match(lifecycleFinding(ruleOf({ Expiration: { Days: 1 } }), '').found, /tidy/);
});

test('rules for other names, rules that are off, and rules that only tidy up do no harm', () => {
  for (const rule of [
    { Prefix: 'other/', Expiration: { Days: 1 } },
    { Status: 'Disabled', Expiration: { Days: 1 } },
    { Filter: { Prefix: 'other/' }, Transition: { Days: 1, StorageClass: 'GLACIER' } },
    { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
    { NoncurrentVersionExpiration: { NoncurrentDays: 7 } },
    { Expiration: { ExpiredObjectDeleteMarker: true } },
    { Transition: { Days: 30, StorageClass: 'STANDARD_IA' } },
  ]) equal(isGood(rule), true, JSON.stringify(rule));
});
