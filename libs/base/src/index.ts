export * from './bytes.ts';
export * from './directory-lock.ts';
export * from './fault.ts';
export * from './fault-codes.ts';
export * from './ids.ts';
export * from './log.ts';
export * from './ports.ts';
export * from './text.ts';
