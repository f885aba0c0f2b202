export { bytesText, durationText, table } from './cli/figures.ts';
export { captureState, type StateSink } from './depart/capture-state.ts';
export { homeAt } from './home.ts';
export { probeCapabilities } from './machine/capabilities.ts';
export { commandLine, type Layer } from './machine/command-line.ts';
export { newContract, type MachineContract } from './machine/contract.ts';
export type { HostCapabilities } from './machine/fitness.ts';
export { createImage } from './machine/image-tool.ts';
export { Machine } from './machine/machine.ts';
