export * from './nbd/index.ts';
