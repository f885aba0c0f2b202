export { startCoordinator, type CoordinatorOptions, type RunningCoordinator } from './coordinator.ts';
export { defaultRates, type RateOptions } from './http/limits.ts';
export { Metrics } from './metrics/metrics.ts';
export { holdingOf, judge, takeOverInMs, type Lease, type LeaseEvent, type Verdict } from './leases/lease.ts';
