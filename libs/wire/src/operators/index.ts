/** All that the operators' dashboard and the coordinator say to each other; nothing in here needs Node. */
export * from './audit.ts';
export * from './desktops.ts';
export * from './live.ts';
export * from './moves.ts';
export * from './overview.ts';
export * from './sign-in.ts';
export * from './store.ts';
export { operatorRoutes } from './routes.ts';
