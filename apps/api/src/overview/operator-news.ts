import { Inject, Injectable } from '@nestjs/common';
import type { AccountId } from '@godwit/base';
import type { EventMessage, OperatorMessage } from '@godwit/wire';
import { EventsHub } from '../events/hub.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';

/** Tells operators' pages of what hosts are told: that a desktop or a host is not as it was. What it is now they read. Each replica hears it and tells its own. */
@Injectable()
export class OperatorNews {
  constructor(@Inject(EventsHub) hub: EventsHub, @Inject(OperatorsHub) news: OperatorsHub) {
    hub.watch({
      told: (accountId, message) => {
        const change = changeOf(accountId, message);
        if (change !== undefined) news.publishHere(change);
      },
      reached: (accountId, hostId) => news.publishHere({ type: 'host-changed', accountId, hostId }),
    });
  }
}

function changeOf(accountId: AccountId, message: EventMessage): OperatorMessage | undefined {
  switch (message.type) {
    case 'desktop-changed': return { type: 'desktop-changed', accountId, desktopId: message.desktopId };
    case 'host-joined':
    case 'host-revoked': return { type: 'host-changed', accountId, hostId: message.hostId };
    default: return undefined;
  }
}
