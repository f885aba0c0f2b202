/** The networks between a host and the store that figures are taken over. */

export interface LinkShape {
  /** Each way, shared by all connections of that way. */
  readonly bitsPerSecond: number;
  /** There and back, half of it each way. */
  readonly roundTripMs: number;
}

export interface Link {
  /** As rows and tables have it. */
  readonly name: string;
  /** As `--link` takes it. */
  readonly word: string;
  /** Undefined: the machine's own loopback, as it is. */
  readonly shape: LinkShape | undefined;
}

export const loopback: Link = { name: 'loopback', word: 'loopback', shape: undefined };

export const links: readonly Link[] = [
  loopback,
  { name: '1 Gbit/s, 1 ms', word: '1000', shape: { bitsPerSecond: 1e9, roundTripMs: 1 } },
  { name: '100 Mbit/s, 20 ms', word: '100', shape: { bitsPerSecond: 1e8, roundTripMs: 20 } },
  { name: '20 Mbit/s, 60 ms', word: '20', shape: { bitsPerSecond: 2e7, roundTripMs: 60 } },
];
