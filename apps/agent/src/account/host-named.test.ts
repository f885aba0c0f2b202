import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { createDevice, createRecovery, cryptoReady, extendChain, newAccountKey, recoveryFromWords, replayChain, signAdd, signGenesis, signRevoke, type ChainState } from '@godwit/crypto';
import { hostNamed } from './revoke.ts';

describe('a host by what somebody typed', () => {
  let chain: ChainState;

  before(async () => {
    await cryptoReady();
    const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
    const [first, second, lost] = [createDevice(systemRandom), createDevice(systemRandom), createDevice(systemRandom)];
    chain = replayChain([signGenesis({ recovery, accountKey: newAccountKey(systemRandom), device: first, name: 'laptop-a', createdMs: 1 })]);
    chain = extendChain(chain, signAdd(chain, { device: second, name: 'desk-pc', signer: first, createdMs: 2 }));
    chain = extendChain(chain, signAdd(chain, { device: lost, name: 'laptop-z', signer: first, createdMs: 3 }));
    chain = extendChain(chain, signRevoke(chain, { subject: lost.hostId, accountKey: newAccountKey(systemRandom), signer: first, createdMs: 4 }));
  });

  test('is the one of that name', () => assert.equal(hostNamed(chain, 'desk-pc').name, 'desk-pc'));

  test('with a letter swapped, left out or too many, names the one that was meant, never one that was revoked', () => {
    for (const typed of ['laptpo-a', 'lapto-a', 'laptop-aa', 'LAPTOP-A', 'laptop-y']) assert.throws(() => hostNamed(chain, typed), { code: 'DEVICE_UNKNOWN', hint: 'did you mean laptop-a?' }, typed);
    assert.throws(() => hostNamed(chain, 'laptop-z'), { code: 'DEVICE_REVOKED' });
  });

  test('that is like none has the hint of the fault', () => assert.throws(() => hostNamed(chain, 'fridge'), (error: { code: string; hint: string }) => error.code === 'DEVICE_UNKNOWN' && !error.hint.includes('did you mean')));
});
