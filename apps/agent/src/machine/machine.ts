import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type Clock, type Log } from '@godwit/base';
import { powerDown, QmpSession, queryStatus, quit } from '@godwit/qemu';
import type { DesktopHome } from '../home.ts';
import { commandLine, type Layer } from './command-line.ts';
import type { MachineContract } from './contract.ts';
import { handOver, type Privilege } from './privilege.ts';
import type { ProcessId } from './process-id.ts';
import { lastLine, QemuProcess } from './qemu-process.ts';
import { SerialConsole } from './serial-console.ts';

/** How machines are started on this host. */
export interface MachineHost {
  readonly program: string;
  readonly privilege: Privilege;
  readonly clock: Clock;
  readonly log: Log;
}

export interface LaunchOptions {
  readonly home: DesktopHome;
  readonly contract: MachineContract;
  readonly disks: readonly (readonly Layer[])[];
  readonly incoming: boolean;
  /** It boots only when it is told to. */
  readonly paused?: boolean;
}

/** How long a guest may take to shut itself down before it is switched off. */
const powerDownMs = 20_000;
const quitMs = 3_000;
/** Where QEMU's VNC server listens, in the folder of the sockets. */
const screenSocket = 'vnc';

/** One running QEMU: its process, its QMP session and its serial line. `ended` resolves once, however it ends. */
export class Machine {
  readonly process: QemuProcess;
  readonly qmp: QmpSession;
  readonly serial: SerialConsole;
  readonly socketDirectory: string;
  readonly ended: Promise<void>;

  private constructor(process: QemuProcess, qmp: QmpSession, serial: SerialConsole, socketDirectory: string) {
    this.process = process;
    this.qmp = qmp;
    this.serial = serial;
    this.socketDirectory = socketDirectory;
    this.ended = process.exited.then(() => {
      qmp.close();
      serial.close();
    });
  }

  /** Starts QEMU: booting, or waiting for a migration. Throws QEMU_ENDED with QEMU's own last words. Nothing runs on failure. */
  static async launch(host: MachineHost, options: LaunchOptions): Promise<Machine> {
    const { home } = options;
    prepareDirectory(host.privilege, home.machineDirectory);
    const argv = commandLine(options.contract, { disks: options.disks, socketDirectory: home.machineDirectory, incoming: options.incoming, paused: options.paused === true });
    const process = await QemuProcess.start({ privilege: host.privilege, program: host.program, argv, logFile: home.qemuLog, log: host.log });
    try {
      const machine = await attach(process, host, home);
      chmodSync(join(home.machineDirectory, screenSocket), 0o600);
      return machine;
    } catch (error) {
      await process.kill();
      throw error instanceof Fault && error.code === 'QEMU_ENDED' ? new Fault('QEMU_ENDED', { found: lastLine(home.qemuLog), hint: `read ${home.qemuLog}`, cause: error }) : error;
    }
  }

  /** The machine that an earlier agent started; undefined when it is gone. */
  static async find(host: MachineHost, home: DesktopHome, id: ProcessId): Promise<Machine | undefined> {
    const process = QemuProcess.find(id);
    return process === undefined ? undefined : attach(process, host, home);
  }

  static of(process: QemuProcess, qmp: QmpSession, serial: SerialConsole, socketDirectory: string): Machine {
    return new Machine(process, qmp, serial, socketDirectory);
  }

  /** The socket of its screen; undefined where an earlier version started it without one. */
  get screen(): string | undefined {
    const path = join(this.socketDirectory, screenSocket);
    return existsSync(path) ? path : undefined;
  }

  /** QEMU's run state: `running`, `paused`, `postmigrate` ... Throws QMP_DISCONNECTED when it has ended. */
  async runState(): Promise<string> {
    return (await queryStatus(this.qmp)).status;
  }

  /** Asks the guest to shut down; switches it off when it does not within 20 s. True: the guest did it. */
  async shutDown(): Promise<boolean> {
    await powerDown(this.qmp);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), powerDownMs)));
    const clean = await Promise.race([this.ended.then(() => true), patience]);
    clearTimeout(timer);
    if (!clean) await this.end();
    return clean;
  }

  /** Switches it off: `quit`, which flushes the disks, then SIGKILL. */
  async end(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (this.qmp.state === 'ready') {
      const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, quitMs)));
      // A QEMU that does not answer `quit` is killed below; that is all there is to know.
      const asked = quit(this.qmp, { timeoutMs: quitMs }).catch(() => undefined);
      await Promise.race([asked.then(() => this.process.exited), patience]);
      clearTimeout(timer);
    }
    await this.process.kill();
    await this.ended;
  }
}

async function attach(process: QemuProcess, host: MachineHost, home: DesktopHome): Promise<Machine> {
  const gone = new AbortController();
  void process.exited.then(() => gone.abort(new Fault('QEMU_ENDED')));
  const qmp = await QmpSession.connect(join(home.machineDirectory, 'qmp'), { signal: gone.signal });
  const serial = await SerialConsole.connect(join(home.machineDirectory, 'serial'), host.clock, host.log);
  return Machine.of(process, qmp, serial, home.machineDirectory);
}

/** QEMU's folder, mode 0700, its user's; sockets of an earlier run are removed. */
function prepareDirectory(privilege: Privilege, directory: string): void {
  mkdirSync(directory, { recursive: true });
  handOver(privilege, directory, 0o700);
  const sockets = /^(qmp|guard|serial|vnc|port\d|migrate-(in|out))$/;
  for (const name of readdirSync(directory)) if (sockets.test(name)) rmSync(join(directory, name));
}
