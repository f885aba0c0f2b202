import type { Fault } from '@godwit/base';

/**
 * Whether this refusal means that the coordinator has another owner for what this host holds, or has ended what it held because it was
 * revoked: a guest that ran on would be a second copy.
 */
export function endsRight({ kind, code }: Pick<Fault, 'kind' | 'code'>): boolean {
  return kind === 'fenced' || code === 'HOST_REVOKED';
}
