/**
 * Loaded into a real agent or coordinator before anything else (`node --import`), where a test says which clocks it has: nothing of the
 * program itself knows of this. `GODWIT_FAULT` is a JSON object of `ClockFault`. SIGUSR2 makes the boot clock jump: the machine slept.
 */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

export interface ClockFault {
  /** The wall clock is so far off. */
  readonly wallOffsetMs?: number;
  /** The wall clock runs so much faster than it should: 0.05 is 5 %. */
  readonly wallDrift?: number;
  /** All clocks run so much faster, those of leases too. */
  readonly allDrift?: number;
  /** So much the boot clock is ahead after each SIGUSR2, while the working clock is not. The wall clock is right, as after any sleep. */
  readonly sleepMs?: number;
}

const { wallOffsetMs = 0, wallDrift = 0, allDrift = 0, sleepMs = 0 } = JSON.parse(process.env['GODWIT_FAULT'] ?? '{}') as ClockFault;
const real = { wall: Date.now.bind(Date), work: performance.now.bind(performance), boot: os.uptime.bind(os) };
const begun = { wall: real.wall(), work: real.work(), boot: real.boot() };
let sleptMs = 0;

const drifted = (now: number, start: number, drift: number): number => start + (now - start) * (1 + drift);

Date.now = () => Math.round(drifted(real.wall(), begun.wall, wallDrift + allDrift) + wallOffsetMs);
performance.now = () => drifted(real.work(), begun.work, allDrift);
os.uptime = () => drifted(real.boot(), begun.boot, allDrift) + sleptMs / 1000;
syncBuiltinESMExports();
if (sleepMs > 0) process.on('SIGUSR2', () => (sleptMs += sleepMs));
