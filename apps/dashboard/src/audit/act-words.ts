import { operatorActKinds, type OperatorAct, type OperatorActKind } from '@godwit/wire/operators';

/** What operators did, in sentences. Pure. */

const sentences: Record<OperatorActKind, (act: OperatorAct) => string> = {
  'signed-in': ({ subject }) => (subject === 'passkey' ? 'signed in with a passkey' : `signed in with ${subject}`),
  'passkey-made': ({ subject }) => `made a passkey with a one-time code, as ${subject}`,
  'session-ended': ({ subject, operatorName }) => (subject === operatorName ? 'ended a session of their own' : `ended a session of ${subject}`),
  'operator-invited': ({ subject, detail }) => `made a one-time code for ${subject}, as ${detail['role'] ?? '?'}`,
  'operator-added': ({ detail }) => `came for the first time, as ${detail['role'] ?? '?'}, known to ${detail['by'] ?? 'an OpenID provider'}`,
  'role-given': ({ subject, detail }) => (detail['by'] === undefined ? `made ${subject} ${detail['role'] ?? '?'}, before ${detail['before'] ?? '?'}` : `became ${subject}, as ${detail['by']} says`),
  'operator-removed': ({ subject, detail }) => `removed ${subject}, who was ${detail['role'] ?? '?'}`,
  'host-barred': ({ subject, detail }) => `barred the host ${subject}${because(detail)}`,
  'host-admitted': ({ subject, detail }) => `let the host ${subject} in again${because(detail)}`,
  'quotas-set': ({ subject, detail }) => `set what the account ${subject} may have and do: ${detail['quotas'] ?? '?'}`,
  'attention-acknowledged': ({ subject }) => `takes care of: ${subject}`,
  'attention-returned': ({ subject }) => `takes no care any more of: ${subject}`,
  'job-retried': ({ subject }) => `had the job ${subject} tried again`,
  'job-put-away': ({ subject, detail }) => `put the job ${subject} away, which was given up: ${detail['fault'] ?? '?'}`,
};

function because({ reason = '' }: OperatorAct['detail']): string {
  return reason === '' ? '' : `: ${reason}`;
}

export function whoText({ operatorName }: OperatorAct): string {
  return operatorName ?? "whoever has the coordinator's machine";
}

/** To be read after {@link whoText}. An act that is newer than this page is named as it is. */
export function actSentence(act: OperatorAct): string {
  return isKnown(act.act) ? sentences[act.act](act) : `${act.act.replaceAll('-', ' ')}: ${act.subject}`;
}

function isKnown(act: string): act is OperatorActKind {
  return (operatorActKinds as readonly string[]).includes(act);
}
