/** A thread that checks whole packs, one after the other (verify-pool.ts). */
import { parentPort } from 'node:worker_threads';
import { Fault } from '@godwit/base';
import { release, Secret } from '@godwit/crypto';

import { checkWholePack } from './verify-pack.ts';
import type { PackAnswer, PackTask } from './verify-pool.ts';

function answer({ bytes, pack, seal, commitment, data }: PackTask): PackAnswer {
  const key = new Secret(seal);
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return { content: checkWholePack(body, pack, { seal: key, commitment: Buffer.from(commitment) }, data) };
  } catch (error) {
    return { fault: Fault.from(error).toJSON() };
  } finally {
    key.zero();
    release(body);
  }
}

parentPort?.on('message', (task: PackTask) => parentPort?.postMessage(answer(task)));
