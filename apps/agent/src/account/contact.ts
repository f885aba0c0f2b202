import { Fault } from '@godwit/base';
import type { Account } from './account.ts';

/** For the first answer of a coordinator that is in reach: a network that swallows everything is found out by waiting, and a person waits for this. */
const contactMs = 4_000;

/** The first contact of a command: the newest head of the log, checked as always (audit/log-watch.ts). COORDINATOR_UNREACHABLE after 4 s without an answer. */
export async function contact({ logWatch, settings }: Account): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Fault('COORDINATOR_UNREACHABLE', { subject: settings.coordinator, found: `no answer within ${contactMs / 1000} s` })), contactMs);
  });
  try {
    await Promise.race([logWatch.contact(), silence]);
  } finally {
    clearTimeout(timer);
  }
}
