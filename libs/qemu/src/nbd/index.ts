export type { NbdBackend, NbdExport } from './export.ts';
export { serveNbd, type NbdServer, type NbdServerOptions } from './server.ts';
export type { Extent } from './replies.ts';
