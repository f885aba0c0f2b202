/** All that the operators' dashboard and the coordinator say to each other; nothing in here needs Node. */
// First: see there.
import './without-eval.ts';
export * from './acts.ts';
export * from './audit.ts';
export * from './desktops.ts';
export * from './live.ts';
export * from './moves.ts';
export * from './overview.ts';
export * from './sign-in.ts';
export * from './store.ts';
export { operatorRoutes } from './routes.ts';
export { houseWords, pageWords, type GlossaryEntry } from '../glossary.ts';
export { movesPerHourMax, nearQuotas, noBytesQuota, type AccountQuotas, type OwnQuotas, type QuotaName, type Quotas } from '../quotas.ts';
export { desktopsLimit } from '../limits.ts';
export { problem, type Problem } from '../problem-body.ts';
export { pathOf, type AnswerOf, type Route } from '../route.ts';
export { arrivePhases, departPhases } from '../phases.ts';
