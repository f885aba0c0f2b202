import { readdirSync, readFileSync } from 'node:fs';

/**
 * Watches from outside whether guests execute: by the processor time of their QEMUs' vCPU threads, which a guest that is paused, or not
 * yet loaded, does not use. Asks nobody, so it works while agents are dead or lie.
 */
export class RunWatch {
  readonly #directory: string;
  /** By process id. */
  readonly #machines = new Map<number, Machine>();
  readonly #timer: NodeJS.Timeout;
  #scannedMs = -Infinity;
  #overlaps = new Map<string, Overlap>();

  /** Watches all QEMUs with paths below `directory`, in which hosts keep desktops under `HOST/desktops/ID`. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  /** For so long two or more machines of one desktop ran at the same time, since the last time that this was asked. */
  takeOverlaps(): Overlap[] {
    const overlaps = [...this.#overlaps.values()].filter(({ overlapMs }) => overlapMs > 0);
    this.#overlaps = new Map();
    return overlaps;
  }

  /** The machines that are there now, with the folder of the host that each is of. */
  machines(): { readonly pid: number; readonly host: string; readonly desktop: string }[] {
    this.#sample();
    this.#scan();
    return [...this.#machines].map(([pid, { host, desktop }]) => ({ pid, host, desktop }));
  }

  /** Whether the guest of `pid` executed something within the last two looks. */
  runs(pid: number): boolean {
    return this.#machines.get(pid)?.ran ?? false;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const nowMs = performance.now();
    if (nowMs - this.#scannedMs >= scanMs) this.#scan();
    const running = new Map<string, Machine[]>();
    for (const [pid, machine] of this.#machines) {
      const ticks = ticksOf(machine.stat);
      if (ticks === undefined) {
        this.#machines.delete(pid);
        continue;
      }
      const rose = ticks - machine.ticks >= ticksMin;
      // Twice in a row: within one look one machine may have ended and the other begun.
      if (rose && machine.ran) running.set(machine.desktop, [...(running.get(machine.desktop) ?? []), machine]);
      machine.ran = rose;
      machine.ticks = ticks;
    }
    for (const [desktop, machines] of running) {
      if (machines.length < 2) continue;
      const before = this.#overlaps.get(desktop) ?? { desktop, overlapMs: 0, hosts: [] };
      this.#overlaps.set(desktop, { desktop, overlapMs: before.overlapMs + sampleMs, hosts: [...new Set([...before.hosts, ...machines.map(({ host }) => host)])] });
    }
  }

  #scan(): void {
    this.#scannedMs = performance.now();
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || this.#machines.has(pid)) continue;
      const found = machineOf(pid, this.#directory);
      if (found !== undefined) this.#machines.set(pid, found);
    }
  }
}

const sampleMs = 100;
const scanMs = 500;
/** Of 10 ms each: less is the noise of a thread that is only looked at. */
const ticksMin = 2;

export interface Overlap {
  readonly desktop: string;
  readonly overlapMs: number;
  readonly hosts: readonly string[];
}

interface Machine {
  readonly host: string;
  readonly desktop: string;
  /** The `stat` file of its vCPU thread. */
  readonly stat: string;
  ticks: number;
  ran: boolean;
}

function machineOf(pid: number, directory: string): Machine | undefined {
  try {
    const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    if (!program.includes('qemu-system')) return undefined;
    const [, host, desktop] = words.map((word) => new RegExp(`${directory}/([^/]+)/desktops/([0-9a-f]{32})/`).exec(word)).find((match) => match !== null) ?? [];
    if (host === undefined || desktop === undefined) return undefined;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      if (!readFileSync(`/proc/${pid}/task/${thread}/comm`, 'latin1').startsWith('CPU ')) continue;
      const stat = `/proc/${pid}/task/${thread}/stat`;
      return { host, desktop, stat, ticks: ticksOf(stat) ?? 0, ran: false };
    }
  } catch {
    // It ended between the two looks.
  }
  return undefined;
}

function ticksOf(stat: string): number | undefined {
  try {
    const fields = readFileSync(stat, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined; // The thread has ended.
  }
}
