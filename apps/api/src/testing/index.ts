/** What tests on real services need beside a coordinator: clients, people, databases. No program imports it. */
export { firstAdmin, TestBrowser } from './browser.ts';
export { TestClient, type Front } from './client.ts';
export { breakAndMend, careForDeadLetters } from './dead-letters.ts';
export { EventListener } from './event-listener.ts';
export { idleOnce } from './idle-worker.ts';
export { LeaseClock, renew, saveDesktop, savePolicy, takeOver } from './lease-world.ts';
export { WebhookReceiver, type Post } from './receivers.ts';
export { holdLock, holdTable, rowsOf } from './rows.ts';
export { dropSharedCluster, newDatabaseUrl } from './shared-cluster.ts';
export { addHost, commitOf, createDesktop, enrol, raiseStage, revokeHost, uploadPack, type Draft, type Person, type Stage, type UploadedPack } from './stage.ts';
