import type { RealFault } from './fault.ts';
import { clockFaults } from './clocks.ts';
import { crashFaults } from './crash-kills.ts';
import { killFaults } from './kills.ts';
import { networkFaults } from './network.ts';
import { ownershipFaults } from './ownership.ts';
import { stopFaults } from './stops.ts';
import { storeFaults } from './store.ts';
import { straceFaults } from './strace-agent.ts';
import { unfitFaults } from './unfit.ts';

/** All faults that a campaign does. Each file has those of one subject. */
export const registry: readonly RealFault[] = [...networkFaults, ...storeFaults, ...killFaults, ...crashFaults, ...clockFaults, ...unfitFaults, ...ownershipFaults, ...stopFaults, ...straceFaults];
