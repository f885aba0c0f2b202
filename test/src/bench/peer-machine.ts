import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, createImage, newContract, type HostCapabilities, type Layer, type MachineContract } from '@godwit/agent';
import { systemRandom } from '@godwit/base';
import { cont, migrate, migrateIncoming, QmpSession, queryMigrate, quit, setMigrationCapabilities, setMigrationParameters } from '@godwit/qemu';
import { parseTick } from '../house/guest.ts';
import type { LinkShape } from './links.ts';
import { endWithBench } from './running.ts';
import { ShapedLink } from './shaped-link.ts';

/** The same guest on the same machine contract under QEMU alone: what Godwit's peers begin with. */

const readyMs = 600_000;
const settledStates = new Set(['completed', 'failed', 'cancelled']);

export interface PeerMove {
  readonly cost: MigrationCost;
  /** The command to the destination's RESUME. */
  readonly runningMs: number;
  /** The command to the first byte on the destination's serial line after that. */
  readonly firstOutputMs: number;
}

export interface MigrationCost {
  /** The command to `completed`. */
  readonly totalMs: number;
  /** STOP event to `completed`: so long the guest stands still. */
  readonly pauseMs: number;
}

export class PeerMachine {
  readonly qmp: QmpSession;
  readonly directory: string;
  readonly pid: number;
  readonly contract: MachineContract;
  readonly #child: ChildProcess;
  readonly #layers: Layer[][];
  readonly #host: HostCapabilities;
  readonly #firstOutput = Promise.withResolvers<number>();
  readonly #forget: () => void;
  #ready = false;

  private constructor(parts: { qmp: QmpSession; directory: string; child: ChildProcess; contract: MachineContract; layers: Layer[][]; host: HostCapabilities }) {
    this.qmp = parts.qmp;
    this.directory = parts.directory;
    this.pid = parts.child.pid ?? 0;
    this.contract = parts.contract;
    this.#child = parts.child;
    this.#layers = parts.layers;
    this.#host = parts.host;
    this.#forget = endWithBench(() => this.end());
    const serial = connect(join(parts.directory, 'serial'));
    serial.once('data', () => this.#firstOutput.resolve(performance.now()));
    // What ends with QEMU is no error of the line.
    serial.on('error', () => serial.destroy());
    createInterface({ input: serial }).on('line', (line) => (this.#ready ||= parseTick(line) !== undefined)).on('error', () => undefined);
  }

  /** Boots `image` with `memoryMiB`, and waits until the guest is at work. */
  static async boot(host: HostCapabilities, image: string, memoryMiB: number): Promise<PeerMachine> {
    const contract = newContract({ cpus: 1, memoryBytes: memoryMiB * 2 ** 20, diskBytes: statSync(image).size, accelerator: host.accelerator, firmware: host.firmware, qemuVersion: host.qemuVersion }, systemRandom);
    const directory = mkdtempSync('/tmp/godwit-p-');
    const layers = await Promise.all(
      contract.disks.map(async ({ lengthBytes }, disk): Promise<Layer[]> => {
        const file = join(directory, `disk${disk}.qcow2`);
        await createImage(file, lengthBytes);
        const own: Layer = { kind: 'file', file, format: 'qcow2' };
        return disk === 0 ? [{ kind: 'file', file: image, format: 'raw' }, own] : [own];
      }),
    );
    const machine = await PeerMachine.#start(host, contract, layers, directory, false);
    for (let waitedMs = 0; !machine.#ready; waitedMs += 100) {
      if (waitedMs > readyMs) throw new Error(`the peer's guest of ${memoryMiB} MiB is not ready after ${readyMs} ms`);
      await sleep(100);
    }
    return machine;
  }

  static async #start(host: HostCapabilities, contract: MachineContract, layers: Layer[][], directory: string, incoming: boolean): Promise<PeerMachine> {
    const argv = commandLine(contract, { disks: layers, socketDirectory: directory, incoming });
    const sandbox = argv.indexOf('-sandbox');
    // Without the sandbox QEMU may start `zstd` by itself, which is the fastest way that it knows.
    argv.splice(sandbox, 2);
    const child = spawn(host.program, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    const gone = new AbortController();
    child.once('exit', (code, signal) => gone.abort(new Error(`the peer's QEMU ended (${code ?? signal})`)));
    const qmp = await QmpSession.connect(join(directory, 'qmp'), { signal: gone.signal });
    return new PeerMachine({ qmp, directory, child, contract, layers, host });
  }

  /** Sends the whole machine to what `command` reads on its standard input; the guest goes on here. */
  async migrateTo(command: string): Promise<MigrationCost> {
    await setMigrationCapabilities(this.qmp, ['events']);
    await setMigrationParameters(this.qmp, { maxBandwidthBytes: 0 });
    const cost = await this.#measure(() => this.qmp.execute('migrate', { uri: `exec:${command}` }).then(() => undefined));
    await cont(this.qmp);
    return cost;
  }

  /** Moves the guest to a second QEMU of this machine, over a link where one is given. The second one runs then. */
  async moveToSecond(postcopy: boolean, shape?: LinkShape): Promise<PeerMove & { readonly next: PeerMachine }> {
    const directory = mkdtempSync('/tmp/godwit-p-');
    // The disks are shared, as live migration has it: the destination takes their locks when the source has let go.
    const second = await PeerMachine.#start(this.#host, this.contract, this.#layers, directory, true);
    const socket = join(directory, 'move');
    const capabilities = ['events', ...(postcopy ? (['postcopy-ram'] as const) : [])] as const;
    for (const { qmp } of [this, second]) {
      await setMigrationCapabilities(qmp, [...capabilities]);
      await setMigrationParameters(qmp, { maxBandwidthBytes: 0 });
    }
    await migrateIncoming(second.qmp, socket);
    const link = shape === undefined ? undefined : await ShapedLink.to(socket, shape);
    try {
      const resumed = second.qmp.waitFor('RESUME', () => true, { timeoutMs: readyMs });
      const startedMs = performance.now();
      const cost = await this.#measure(async () => {
        if (link === undefined) await migrate(this.qmp, socket);
        else await this.qmp.execute('migrate', { uri: `tcp:127.0.0.1:${link.port}` });
        if (postcopy) await this.qmp.execute('migrate-start-postcopy');
      });
      return { cost, runningMs: (await resumed).receivedMs - startedMs, firstOutputMs: (await second.#firstOutput.promise) - startedMs, next: second };
    } finally {
      await link?.[Symbol.asyncDispose]();
    }
  }

  async #measure(begin: () => Promise<void>): Promise<MigrationCost> {
    const stopped = this.qmp.waitFor('STOP', () => true, { timeoutMs: readyMs });
    const settled = this.qmp.waitFor('MIGRATION', ({ data }) => settledStates.has(String(data['status'])), { timeoutMs: readyMs });
    const startedMs = performance.now();
    await begin();
    const end = await settled;
    if (end.data['status'] !== 'completed') throw new Error(`the peer's migration ${String(end.data['status'])}: ${(await queryMigrate(this.qmp)).errorText ?? ''}`);
    return { totalMs: end.receivedMs - startedMs, pauseMs: end.receivedMs - (await stopped).receivedMs };
  }

  /** Ends QEMU and removes its files, but for the disks where `keepFor` goes on with them. */
  async end(keepFor?: PeerMachine): Promise<void> {
    this.#forget();
    const exited = this.#child.exitCode === null && this.#child.signalCode === null ? once(this.#child, 'exit') : Promise.resolve();
    // One that does not answer is killed; there is nothing else to know.
    await quit(this.qmp, { timeoutMs: 5_000 }).catch(() => this.#child.kill('SIGKILL'));
    await exited;
    const disks = new Set(this.#layers.flat().flatMap((layer) => (layer.kind === 'file' && layer.format === 'qcow2' ? [dirname(layer.file)] : [])));
    const own = [this.directory].filter((directory) => keepFor === undefined || !disks.has(directory));
    for (const directory of new Set([...own, ...(keepFor === undefined ? disks : [])])) rmSync(directory, { recursive: true, force: true });
  }
}
