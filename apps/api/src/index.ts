export { startCoordinator, type CoordinatorOptions, type RunningCoordinator } from './coordinator.ts';
export { defaultRates, type RateOptions } from './http/limits.ts';
export { Metrics } from './metrics/metrics.ts';
export { holdingOf, judge, takeOverInMs, type Lease, type LeaseEvent, type Verdict } from './leases/lease.ts';
export { Bucket } from './s3/bucket.ts';
export { actions, smallestPolicy } from './s3/policy.ts';
export { s3SettingsOf, type S3Settings } from './s3/s3-settings.ts';
export { checkStore, type Checked } from './s3/store-check.ts';
