import { z } from 'zod';
import { count, queryInteger, timeMs } from '../values.ts';
import { operatorName } from './sign-in.ts';

/** What operators did, as the coordinator recorded it in the transaction that did it. */

/** Words of {@link operatorAct}'s `act`; a newer coordinator may know more. */
export const operatorActKinds = ['signed-in', 'passkey-made', 'session-ended', 'operator-invited', 'operator-added', 'role-given', 'operator-removed', 'host-barred', 'host-admitted', 'quotas-set', 'attention-acknowledged', 'attention-returned', 'job-retried', 'job-put-away'] as const;
export type OperatorActKind = (typeof operatorActKinds)[number];

/** `operatorName`: as it was then; null for whoever has the coordinator's machine. `subject`: whom or what it was done to, by name. */
export const operatorAct = z.object({
  actId: count,
  timeMs,
  operatorName: operatorName.nullable(),
  act: z.string().max(32),
  subject: z.string().max(256),
  detail: z.record(z.string().max(32), z.string().max(512)),
});
export type OperatorAct = z.infer<typeof operatorAct>;
/** Newest first, below `before` when given. */
export const operatorActsQuery = z.strictObject({ before: queryInteger.optional() });
/** `next`: where to go on; null when that was all. */
export const operatorActs = z.object({ acts: z.array(operatorAct).max(100), next: count.nullable() });
export type OperatorActs = z.infer<typeof operatorActs>;
