import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Fault, systemRandom } from '@godwit/base';
import { createRecovery, cryptoReady, recoveryFromWords } from './index.ts';

before(cryptoReady);

const zeroWords = `${'abandon '.repeat(23)}art`;

test('the BIP39 vector of zeros gives the frozen keys', () => {
  assert.equal(createRecovery((n) => Buffer.alloc(n)).words.join(' '), zeroWords);
  const { hostId, signPublic, boxPublic } = recoveryFromWords(zeroWords);
  assert.equal(signPublic.toString('hex'), '54fc26f0b7c45902ee11537be4e326fb54bb87e93334095b299eacf6890ffccd');
  assert.equal(boxPublic.toString('hex'), '0b8a112d00fb0056e4e6fc3b35171107715705c345b99757f8673b01aaa5ba44');
  assert.equal(hostId, '40dd2d61448af2e40883eeb28f211d5e');
});

test('the same words give the same keys, however they are typed', () => {
  const { words } = createRecovery(systemRandom);
  assert.equal(words.length, 24);
  const keys = recoveryFromWords(words.join(' '));
  const typed = recoveryFromWords(`\n ${words.join('  \t').toUpperCase()} \n`);
  assert.ok(keys.signSecret.equals(typed.signSecret) && keys.boxSecret.equals(typed.boxSecret));
  assert.notEqual(recoveryFromWords(createRecovery(systemRandom).words.join(' ')).hostId, keys.hostId);
});

test('wrong words: their number, the position of the first unknown one, the checksum; never a word', () => {
  const faultOf = (words: string): Fault => {
    try {
      recoveryFromWords(words);
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === 'RECOVERY_WORDS_WRONG');
      return error;
    }
    assert.fail('was taken');
  };
  const words = zeroWords.split(' ');
  assert.equal(faultOf(words.slice(1).join(' ')).found, '23');
  assert.equal(faultOf(`${zeroWords} art`).found, '25');
  assert.equal(faultOf('').found, '0');
  assert.equal(faultOf('a'.repeat(1e7)).found, '0');
  const misspelt = faultOf(words.with(6, 'abandom').with(9, 'secretword').join(' '));
  assert.equal(misspelt.found, 'another word at position 7');
  assert.doesNotMatch(JSON.stringify(misspelt), /abandom|secretword/);
  const swapped = faultOf(words.with(0, 'zoo').join(' '));
  assert.match(swapped.expected ?? '', /checksum/);
  assert.doesNotMatch(JSON.stringify(swapped), /zoo|abandon/);
});
