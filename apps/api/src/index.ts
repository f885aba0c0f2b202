export { startCoordinator, type CoordinatorOptions, type RunningCoordinator } from './coordinator.ts';
export { defaultRates, type RateOptions } from './http/limits.ts';
