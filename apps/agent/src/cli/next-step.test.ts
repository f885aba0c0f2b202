import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault, faultCodes, type FaultCode } from '@godwit/base';
import { desktopStatus, whereabouts, type ControlResult, type DesktopStatus } from '@godwit/wire';
import { plain } from './colours.ts';
import { nextOf, whereaboutsOf } from './next-step.ts';
import { buildProgram } from './program.ts';
import { whereaboutsText } from './whereabouts.ts';

const states = desktopStatus.shape.state.options;
const holdings = [null, 'confirmed', 'alone', 'asleep', 'asking', 'waiting', 'superseded'] as const;

function desktop(state: DesktopStatus['state'], more: Partial<DesktopStatus> = {}): DesktopStatus {
  return {
    name: 'work', desktopId: '0'.repeat(32), state, holder: 'laptop-a', epoch: 1, sequence: 3, memoryBytes: 1, arrival: null, departure: null, qemuResidentBytes: null, note: null, offline: 'keep', holding: null, ...more,
  };
}

const status = (...desktops: DesktopStatus[]): ControlResult<'status'> => ({ hostName: 'laptop-a', coordinator: 'http://c', reachable: true, desktops });
const program = buildProgram({ ask: () => Promise.resolve(undefined), fail: () => undefined });

/** Whether the table of commands takes the line: the command is there, with these flags and so many words. */
function isTaken(line: string): boolean {
  const [first, name, ...rest] = line.split(' ');
  const command = program.commands.find((each) => each.name() === name);
  if (first !== 'godwit' || command === undefined) return false;
  const options = rest.filter((word) => word.startsWith('--'));
  const values = options.filter((flag) => command.options.find(({ long }) => long === flag)?.required === true).length;
  const words = rest.length - options.length - values;
  return options.every((flag) => command.options.some(({ long }) => long === flag)) && words <= command.registeredArguments.length && words >= command.registeredArguments.filter(({ required }) => required).length;
}

describe('what to type next', () => {
  test('the check of a line sees what is wrong', () => {
    for (const line of ['godwit suspend work', 'godwit wait work --for safe', 'godwit init']) assert.ok(isTaken(line), line);
    for (const line of ['godwit supend work', 'godwit suspend', 'godwit wait work --till safe', 'godwit init work', 'gowit init']) assert.ok(!isTaken(line), line);
  });

  for (const state of states) {
    test(`of a desktop that is ${state} is a command that exists, however this host holds it`, () => {
      for (const holding of holdings) for (const offline of ['keep', 'stop'] as const) {
        const { command, why } = nextOf(desktop(state, { holding, offline }));
        assert.ok(isTaken(command), command);
        assert.ok(why.length > 10);
      }
    });
  }

  for (const [state, command] of [
    ['stopped', 'godwit start work'],
    ['running', 'godwit suspend work'],
    ['free', 'godwit resume work'],
    ['unknown', 'godwit wait work --for safe'],
    ['filling', 'godwit wait work --for resumed'],
    ['lost', 'godwit resume work'],
    ['elsewhere', 'godwit move work'],
  ] as const) test(`${state}: ${command}`, () => assert.equal(nextOf(desktop(state)).command, command));

  test('an outcome that is not known says what not to do', () => assert.match(nextOf(desktop('unknown')).why, /do not close the lid/));

  test('a desktop that runs is suspended only where it may run', () => {
    assert.equal(nextOf(desktop('running', { holding: 'superseded' })).command, 'godwit status work');
    assert.equal(nextOf(desktop('running', { holding: 'waiting' })).command, 'godwit wait work --for running');
    assert.equal(nextOf(desktop('running', { holding: 'alone' })).command, 'godwit suspend work');
  });

  test('the one that needs its person most comes first', () => {
    const told = whereaboutsOf(status(desktop('free', { name: 'a' }), desktop('running', { name: 'b' }), desktop('unknown', { name: 'c' })), undefined);
    assert.equal(told.next.command, 'godwit wait c --for safe');
    assert.deepEqual(told.desktops.map(({ next }) => next.command), ['godwit resume a', 'godwit suspend b', 'godwit wait c --for safe']);
  });

  const causes: [FaultCode, string, string][] = [
    ['AGENT_UNREACHABLE', 'agent-down', 'godwit agent'], ['AGENT_LOST', 'agent-down', 'godwit agent'], ['AGENT_DENIED', 'agent-of-another-user', 'sudo godwit'],
    ['LOCKED', 'locked', 'godwit unlock'], ['NOT_ENROLLED', 'not-enrolled', 'godwit init'], ['HOST_REVOKED', 'shut-out', 'godwit doctor'], ['QEMU_MISSING', 'cannot-run', 'godwit doctor'], ['INTERNAL', 'cannot-run', 'godwit doctor'],
  ];
  for (const [code, situation, command] of causes) {
    test(`${code}: ${command}, and nothing else is told`, () => {
      const told = whereaboutsOf(new Fault(code), '/images/a.qcow2');
      assert.deepEqual([told.situation, told.cause?.code, told.next.command, told.desktops], [situation, code, command, []]);
    });
  }

  test('whatever fault there is has a next step', () => {
    for (const code of Object.keys(faultCodes) as FaultCode[]) assert.match(whereaboutsOf(new Fault(code), undefined).next.command, /^(sudo )?godwit/, code);
  });

  test('a coordinator that is out of reach is told before desktops, and what is here can still go on', () => {
    const away = { ...status(), reachable: false };
    assert.deepEqual([whereaboutsOf(away, undefined).situation, whereaboutsOf(away, undefined).next.command], ['coordinator-out-of-reach', 'godwit doctor']);
    assert.equal(whereaboutsOf({ ...away, desktops: [desktop('stopped')] }, undefined).next.command, 'godwit start work');
    assert.match(whereaboutsText(whereaboutsOf(away, undefined), plain), /^laptop-a at http:\/\/c \(out of reach/);
  });

  test('the hints for the first desktop name an image that is there or can be fetched, and are gone once there is one', () => {
    assert.equal(whereaboutsOf(status(), undefined).next.command, 'curl -LO https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-nocloud-amd64.qcow2');
    assert.equal(whereaboutsOf(status(), 'debian.qcow2').next.command, 'godwit create work --image debian.qcow2');
    assert.equal(whereaboutsOf(status(), "/my images/it's.img").next.command, "godwit create work --image '/my images/it'\\''s.img'");
    const [none, one] = [status(), status(desktop('free'))].map((each) => whereaboutsText(whereaboutsOf(each, 'debian.qcow2'), plain));
    assert.match(none!, /no desktop yet.*--image debian\.qcow2/s);
    assert.doesNotMatch(one!, /--image|no desktop/);
  });

  test('what is told is as the schema says', () => {
    for (const told of [whereaboutsOf(new Fault('LOCKED'), undefined), whereaboutsOf(status(), undefined), whereaboutsOf(status(...states.map((state) => desktop(state))), undefined)]) assert.deepEqual(whereabouts.parse(told), told);
  });

  test('for people it is one table, the notes, and one next command', () => {
    const told = whereaboutsOf(status(desktop('running', { note: 'runs without word from the coordinator for 5.00 s' }), desktop('free', { name: 'play', holder: null, sequence: null })), undefined);
    assert.equal(
      whereaboutsText(told, plain),
      [
        'laptop-a at http://c',
        '',
        'DESKTOP  STATE    HOLDER    CHECKPOINT  NEXT',
        'work     running  laptop-a  3           godwit suspend work',
        'play     free     -         -           godwit resume play',
        '',
        'work: runs without word from the coordinator for 5.00 s',
        '',
        'Next: godwit suspend work',
        '      puts it safely into the store, so that it can go on elsewhere',
      ].join('\n'),
    );
  });
});
