import { WarmCache } from '@godwit/agent';
import { silentLog, systemClock, systemRandom } from '@godwit/base';
import { anyRange, keyOf, limitBytes, truth } from './truth.ts';

/** Writes to a cache and reads from it, as fast as it can, until it is killed. Argument: the cache's folder. */

const cache = new WarmCache({ directory: process.argv[2]!, clock: systemClock, log: silentLog, limitBytes });
const pick = (below: number): number => systemRandom(4).readUInt32LE() % below;
for (let round = 0; ; round++) {
  const { number, offsetBytes, lengthBytes } = anyRange(pick);
  cache.keep(keyOf(number), offsetBytes, truth(number, offsetBytes, lengthBytes));
  const asked = anyRange(pick);
  await cache.read(keyOf(asked.number), asked);
  if (round % 4 === 0) await cache.contents();
  if (round === 0) process.stdout.write('begun\n');
}
