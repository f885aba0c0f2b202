import type { OperatorMessage } from '@godwit/wire/operators';
import type { RouteName } from '../api/call.ts';

/** Which answers a piece of news makes old. `has`: only those that were asked for with this value somewhere in their parameters. */
export interface Outdated {
  readonly name: RouteName;
  readonly has?: string;
}

export function outdatedBy(message: OperatorMessage): Outdated[] {
  switch (message.type) {
    case 'hello':
    case 'still':
      return [];
    case 'move':
      // Lists of moves take the news itself. When a move has ended, its desktop has changed too, and what became of it is read.
      return message.move.state === 'running' ? [] : [{ name: 'readOverview' }, { name: 'listAllDesktops' }, { name: 'readDesktopDetail', has: message.move.desktopId }];
    case 'desktop-changed':
      return [{ name: 'readOverview' }, { name: 'listAllDesktops' }, { name: 'readDesktopDetail', has: message.desktopId }, { name: 'readOperatorAudit' }];
    case 'host-changed':
      return [{ name: 'readOverview' }, { name: 'listAllHosts' }, { name: 'readTrust', has: message.accountId }, { name: 'readOperatorAudit' }];
    case 'store-changed':
      return [{ name: 'readOverview' }, { name: 'readStore' }];
    case 'attention-changed':
      return [{ name: 'readOverview' }];
  }
}

/** Whether an answer with this key ([route, ask]) is one of those. */
export function isOutdated(key: readonly unknown[], outdated: Outdated): boolean {
  if (key[0] !== outdated.name) return false;
  if (outdated.has === undefined) return true;
  const { params } = (key[1] ?? {}) as { readonly params?: Readonly<Record<string, string>> };
  return Object.values(params ?? {}).includes(outdated.has);
}
