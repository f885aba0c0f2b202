import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import fc from 'fast-check';
import type { NbdExport } from './export.ts';
import { command, info, nbdLimits, option, optionReply } from './protocol.ts';
import { NbdSession, type SessionStep } from './session.ts';
import { clientFlags, contextChoice, decodeOptionAnswers, encodeOption, encodeRequest, exportChoice } from './test-client.ts';

const backend = {
  read: (_offsetBytes: number, lengthBytes: number): Promise<Buffer> => Promise.resolve(Buffer.alloc(lengthBytes)),
  blockStatus: (_offsetBytes: number, lengthBytes: number): Promise<{ lengthBytes: number; zero: boolean }[]> => Promise.resolve([{ lengthBytes, zero: true }]),
};
const writable = { ...backend, write: () => Promise.resolve(), writeZeroes: () => Promise.resolve(), flush: () => Promise.resolve() };
const exports: NbdExport[] = [
  { name: 'disk', lengthBytes: 1 << 20, readOnly: true, backend },
  { name: 'other', lengthBytes: 4096, readOnly: false, backend: writable },
];

describe('NBD handshake', () => {
  test('greets with fixed newstyle and no zeroes', () => {
    assert.equal(new NbdSession(exports).greeting().toString('hex'), '4e42444d4147494349484156454f50540003');
  });

  test('GO answers size, flags and block sizes, and leads to the transmission phase', () => {
    const { answers, session } = negotiate(encodeOption(option.go, exportChoice('disk', info.blockSize)));
    assert.deepEqual(answers.map(({ reply }) => reply), [optionReply.info, optionReply.info, optionReply.ack]);
    // Export: type 0, 1 MiB, has-flags | read-only | multi-conn; no DF without structured replies.
    assert.equal(answers[0]?.data.toString('hex'), '000000000000001000000103');
    // Block sizes: 1, 64 KiB, 32 MiB.
    assert.equal(answers[1]?.data.toString('hex'), '0003000000010001000002000000');
    assert.equal(session.phase, 'transmission');
  });

  test('a writable export offers what its backend can do', () => {
    const { answers } = negotiate(encodeOption(option.structuredReply), encodeOption(option.info, exportChoice('other')));
    // has-flags | flush | fua | trim | write-zeroes | DF
    assert.equal(answers[1]?.data.readUInt16BE(10), 1 | 4 | 8 | 32 | 64 | 128);
  });

  test('INFO answers the same and stays with the options', () => {
    const { answers, session } = negotiate(encodeOption(option.info, exportChoice('disk')));
    assert.deepEqual(answers.map(({ reply }) => reply), [optionReply.info, optionReply.info, optionReply.ack]);
    assert.equal(session.phase, 'options');
  });

  test('EXPORT_NAME answers with and without its 124 zeros', () => {
    for (const [flags, replyBytes] of [[1, 134], [3, 10]] as const) {
      const session = new NbdSession(exports);
      const steps = feed(session, Buffer.concat([clientFlags(flags), encodeOption(option.exportName, Buffer.from('disk'))]));
      assert.equal(Buffer.concat(steps.flatMap(piecesOf)).length, replyBytes);
      assert.equal(session.phase, 'transmission');
    }
  });

  test('EXPORT_NAME of an unknown export can only end the session', () => {
    assert.throws(() => negotiate(encodeOption(option.exportName, Buffer.from('nothing'))), { code: 'NBD_MESSAGE_BAD' });
  });

  test('LIST names every export', () => {
    const { answers } = negotiate(encodeOption(option.list));
    assert.deepEqual(answers.map(({ data }) => data.toString('latin1').slice(4)), ['disk', 'other', '']);
    assert.deepEqual(answers.map(({ reply }) => reply), [optionReply.server, optionReply.server, optionReply.ack]);
  });

  test('ABORT is acknowledged and ends the session', () => {
    const session = new NbdSession(exports);
    const steps = feed(session, Buffer.concat([clientFlags(), encodeOption(option.abort), encodeOption(option.list)]));
    assert.deepEqual(steps.map(({ kind }) => kind), ['end']);
    assert.equal(session.phase, 'ended');
  });

  const refusals: readonly [string, Buffer, number][] = [
    ['TLS', encodeOption(5), optionReply.errorUnsupported],
    ['extended headers', encodeOption(11), optionReply.errorUnsupported],
    ['an option nobody knows', encodeOption(0xffff_fffe, Buffer.from('data')), optionReply.errorUnsupported],
    ['LIST with data', encodeOption(option.list, Buffer.from('x')), optionReply.errorInvalid],
    ['STRUCTURED_REPLY with data', encodeOption(option.structuredReply, Buffer.from('x')), optionReply.errorInvalid],
    ['GO without data', encodeOption(option.go), optionReply.errorInvalid],
    ['GO with more behind its end', encodeOption(option.go, Buffer.concat([exportChoice('disk'), Buffer.from('x')])), optionReply.errorInvalid],
    ['GO with a name that is no UTF-8', encodeOption(option.go, Buffer.from('00000001ff0000', 'hex')), optionReply.errorInvalid],
    ['GO with a name of 4097 bytes', encodeOption(option.go, exportChoice('n'.repeat(4097))), optionReply.errorInvalid],
    ['GO with an unknown name', encodeOption(option.go, exportChoice('nothing')), optionReply.errorUnknown],
    ['a meta context before structured replies', encodeOption(option.setMetaContext, contextChoice('disk', 'base:allocation')), optionReply.errorInvalid],
    ['a list of meta contexts before structured replies', encodeOption(option.listMetaContext, contextChoice('disk')), optionReply.errorInvalid],
  ];
  for (const [name, bytes, reply] of refusals) {
    test(`${name} is refused and the handshake goes on`, () => {
      const { answers, session } = negotiate(bytes, encodeOption(option.info, exportChoice('disk')));
      assert.equal(answers[0]?.reply, reply);
      assert.equal(answers.at(-1)?.reply, optionReply.ack);
      assert.equal(session.phase, 'options');
    });
  }

  test('four billion queries in twelve bytes are refused at once', () => {
    const data = Buffer.concat([contextChoice('disk').subarray(0, -4), Buffer.from('ffffffff', 'hex')]);
    const { answers } = negotiate(encodeOption(option.structuredReply), encodeOption(option.setMetaContext, data));
    assert.equal(answers[1]?.reply, optionReply.errorInvalid);
  });

  test('structured replies are agreed once', () => {
    const { answers } = negotiate(encodeOption(option.structuredReply), encodeOption(option.structuredReply));
    assert.deepEqual(answers.map(({ reply }) => reply), [optionReply.ack, optionReply.errorInvalid]);
  });

  const queries: readonly [number, string[], number][] = [
    [option.listMetaContext, [], 1],
    [option.listMetaContext, ['base:'], 1],
    [option.listMetaContext, ['base:allocation', 'qemu:dirty-bitmap:x'], 1],
    [option.listMetaContext, ['qemu:'], 0],
    [option.setMetaContext, [], 0],
    [option.setMetaContext, ['base:'], 0],
    [option.setMetaContext, ['x:y', 'base:allocation', 'base:allocation'], 1],
  ];
  for (const [code, asked, found] of queries) {
    test(`option ${code} for [${asked.join(', ')}] finds ${found} contexts`, () => {
      const { answers } = negotiate(encodeOption(option.structuredReply), encodeOption(code, contextChoice('disk', ...asked)));
      assert.equal(answers.filter(({ reply }) => reply === optionReply.metaContext).length, found);
      assert.equal(answers.at(-1)?.reply, optionReply.ack);
    });
  }

  const choices: readonly [string, Buffer[], boolean][] = [
    ['chosen for the export', [contextChoice('disk', 'base:allocation')], true],
    ['chosen for another export', [contextChoice('other', 'base:allocation')], false],
    ['taken back by an empty choice', [contextChoice('disk', 'base:allocation'), contextChoice('disk')], false],
    ['taken back by a choice that failed', [contextChoice('disk', 'base:allocation'), contextChoice('nothing', 'base:allocation')], false],
  ];
  for (const [name, sets, allocation] of choices) {
    test(`base:allocation ${name}: ${allocation ? 'holds' : 'does not hold'}`, () => {
      const options = [encodeOption(option.structuredReply), ...sets.map((data) => encodeOption(option.setMetaContext, data)), encodeOption(option.go, exportChoice('disk'))];
      const session = new NbdSession(exports);
      const steps = feed(session, Buffer.concat([clientFlags(), ...options, encodeRequest({ command: command.read, lengthBytes: 1 })]));
      const last = steps.at(-1);
      assert.ok(last?.kind === 'serve');
      assert.equal(last.chosen.allocation, allocation);
    });
  }
});

describe('NBD session against a hostile client', () => {
  const hostile: readonly [string, Buffer, string][] = [
    ['client flags without fixed newstyle', clientFlags(2), 'NBD_MESSAGE_BAD'],
    ['client flags that do not exist', clientFlags(0x8000_0003), 'NBD_MESSAGE_BAD'],
    ['an option without its magic', Buffer.concat([clientFlags(), Buffer.alloc(16)]), 'NBD_MESSAGE_BAD'],
    ['an option of 4 GiB, announced', Buffer.concat([clientFlags(), encodeOption(option.go).subarray(0, 12), Buffer.from('ffffffff', 'hex')]), 'NBD_LIMIT_EXCEEDED'],
    ['options without an end', Buffer.concat([clientFlags(), ...Array.from({ length: nbdLimits.options + 1 }, () => encodeOption(option.list))]), 'NBD_LIMIT_EXCEEDED'],
    ['a request without its magic', Buffer.concat([clientFlags(), encodeOption(option.go, exportChoice('other')), Buffer.alloc(28)]), 'NBD_MESSAGE_BAD'],
    ['a write of 4 GiB, announced', Buffer.concat([clientFlags(), encodeOption(option.go, exportChoice('other')), encodeRequest({ command: command.write, lengthBytes: 0xffff_ffff })]), 'NBD_LIMIT_EXCEEDED'],
  ];
  for (const [name, bytes, code] of hostile) {
    test(`${name} ends the session with ${code}`, () => {
      const session = new NbdSession(exports);
      assert.throws(() => feed(session, bytes), { code });
      assert.equal(session.phase, 'ended');
      assert.deepEqual(feed(session, clientFlags()), []);
    });
  }

  test('the payload of a write to a read-only export is dropped, not gathered, and the next request is found', () => {
    const session = new NbdSession(exports);
    const write = encodeRequest({ command: command.write, cookie: 7n, payload: Buffer.alloc(300_000, 1) });
    const steps = feed(session, Buffer.concat([clientFlags(), encodeOption(option.go, exportChoice('disk')), write, encodeRequest({ command: command.read, cookie: 8n })]), 10_000);
    const served = steps.flatMap((step) => (step.kind === 'serve' ? [step.request] : []));
    assert.deepEqual(served.map(({ cookie, payload }) => [cookie, payload.length]), [[7n, 0], [8n, 0]]);
  });

  test('any bytes lead to steps or to a fault of NBD, in every phase', () => {
    const prefix = fc.constantFrom(Buffer.alloc(0), clientFlags(), Buffer.concat([clientFlags(), encodeOption(option.go, exportChoice('other'))]));
    const option32 = fc.record({ code: fc.nat(12), data: fc.uint8Array({ maxLength: 64 }) }).map(({ code, data }) => encodeOption(code, data));
    const request = fc
      .record({ command: fc.nat(9), flags: fc.nat(0xffff), offset: fc.bigInt(0n, 2n ** 64n - 1n), payload: fc.uint8Array({ maxLength: 64 }) })
      .map((fields) => encodeRequest(fields));
    const noise = fc.array(fc.oneof(fc.uint8Array({ maxLength: 64 }), option32, request), { maxLength: 12 });
    fc.assert(
      fc.property(prefix, noise, (start, rest) => {
        try {
          feed(new NbdSession(exports), Buffer.concat([start, ...rest]));
        } catch (error) {
          assert.ok(error instanceof Fault && error.code.startsWith('NBD_'), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('NBD session, bytes in pieces', () => {
  const conversation = Buffer.concat([
    clientFlags(),
    encodeOption(option.structuredReply),
    encodeOption(99, Buffer.alloc(1000)),
    encodeOption(option.setMetaContext, contextChoice('other', 'base:allocation')),
    encodeOption(option.go, exportChoice('other', info.blockSize)),
    encodeRequest({ command: command.write, cookie: 1n, offset: 5, payload: Buffer.alloc(3000, 0x5a) }),
    encodeRequest({ command: command.read, cookie: 2n, offset: 2n ** 63n, lengthBytes: 4096 }),
    encodeRequest({ command: 77, cookie: 3n, flags: 0xffff, lengthBytes: 12 }),
    encodeRequest({ command: command.disconnect }),
  ]);
  const whole = feed(new NbdSession(exports), conversation);

  test('whole: every option and request is a step', () => {
    assert.deepEqual(whole.map(({ kind }) => kind), ['send', 'send', 'send', 'send', 'serve', 'serve', 'serve', 'end']);
    const [first] = whole.flatMap((step) => (step.kind === 'serve' ? [step.request] : []));
    assert.deepEqual(first, { flags: 0, command: command.write, cookie: 1n, offset: 5n, lengthBytes: 3000, payload: Buffer.alloc(3000, 0x5a) });
  });

  test('byte by byte', () => assert.deepEqual(feed(new NbdSession(exports), conversation, 1), whole));

  test('in random pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(conversation.length), { maxLength: 20 }), (cuts) => {
        const session = new NbdSession(exports);
        const edges = [0, ...cuts.sort((a, b) => a - b), conversation.length];
        const steps = edges.slice(1).flatMap((edge, index) => feed(session, conversation.subarray(edges[index], edge)));
        assert.deepEqual(steps, whole);
      }),
    );
  });
});

/** Pushes `bytes` in pieces of `pieceBytes` and takes every step. */
function feed(session: NbdSession, bytes: Buffer, pieceBytes = bytes.length): SessionStep[] {
  const steps: SessionStep[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    session.push(bytes.subarray(at, at + pieceBytes));
    for (let step = session.next(); step !== undefined; step = session.next()) steps.push(step);
  }
  return steps;
}

function piecesOf(step: SessionStep): readonly Buffer[] {
  return step.kind === 'serve' ? [] : step.pieces;
}

function negotiate(...options: Buffer[]): { session: NbdSession; answers: ReturnType<typeof decodeOptionAnswers> } {
  const session = new NbdSession(exports);
  const steps = feed(session, Buffer.concat([clientFlags(), ...options]));
  return { session, answers: decodeOptionAnswers(Buffer.concat(steps.flatMap(piecesOf))) };
}
