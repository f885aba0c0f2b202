/** A thread that checks whole packs, one after the other (verify-pool.ts). */
import { parentPort } from 'node:worker_threads';
import { Fault } from '@godwit/base';
import { Secret } from '@godwit/crypto';
import { checkWholePack } from './verify-pack.ts';
import type { PackAnswer, PackTask } from './verify-pool.ts';

function answer({ bytes, pack, seal, commitment, data }: PackTask): PackAnswer {
  const key = new Secret(seal);
  try {
    return { content: checkWholePack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), pack, { seal: key, commitment: Buffer.from(commitment) }, data) };
  } catch (error) {
    return { fault: Fault.from(error).toJSON() };
  } finally {
    key.zero();
  }
}

parentPort?.on('message', (task: PackTask) => parentPort?.postMessage(answer(task)));
