import type { Privilege } from '../machine/privilege.ts';

/** The other end of one migration of QEMU's: takes the whole state of a guest as it is sent. */
export interface StateReceiver {
  /** Listens at `path` for one connection, as the user that QEMU runs as. */
  listen(path: string, privilege: Privilege): Promise<void>;
  /**
   * Resolves with the bytes of RAM that came (page records, every round counted) when the stream has ended and all of it was taken. `onFirstPage` is called once. Throws CAPTURE_FAILED where QEMU
   * does not connect within 10 s, faults of the stream (MIGRATION_*), and whatever goes wrong behind the receiver.
   */
  receive(onFirstPage: () => void, onProgress: (streamBytes: number) => void): Promise<number>;
  close(): void;
}
