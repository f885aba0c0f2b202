/**
 * The phases of the long operations, in order. One word each, the same in CLI, JSON, log and dashboard; fault tests name
 * them. Each operation is one straight line through its phases with one roll-back (apps/agent: depart, arrive).
 */
export const departPhases = ['check', 'prepare', 'capture', 'freeze', 'seal', 'upload', 'commit', 'clear'] as const;
export const arrivePhases = ['check', 'acquire', 'fit', 'prepare', 'launch', 'load', 'run', 'fill', 'settle'] as const;

export type DepartPhase = (typeof departPhases)[number];
export type ArrivePhase = (typeof arrivePhases)[number];
