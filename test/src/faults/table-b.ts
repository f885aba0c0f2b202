/** The table of faults, row by row. `docs/threat-model.md` prints it with the faults that do each row. */
export const tableB = {
  syscalls: "EIO / ENOSPC / SIGKILL at every single file system call of the agent's durable state",
  killAgent: 'kill -9 the agent in each phase of suspend, checkpoint and resume',
  killQemu: 'kill -9 QEMU in each phase',
  killCoordinator: 'kill -9 the coordinator between each pair of its steps; kill -9 PostgreSQL, Redis',
  stop: 'stop (SIGSTOP) agent, guard and QEMU together or one alone, for 0.5-20 lease terms, then continue',
  wake: "wake after a long sleep: CLOCK_BOOTTIME jumps, CLOCK_MONOTONIC does not (Node's `performance.now()` is monotonic: it must not be used for leases)",
  wallClock: 'wall clock off by an hour, ten years, running 5 % fast',
  cutOff: 'agent cut off from the coordinator, from the store, from both, one way',
  reply: 'a reply lost, duplicated, delayed past the lease',
  store: 'store answers 500, 503, 429; never answers; resets half-way; 200 with an error body; short body',
  races: '2 to 8 hosts acquire at once; take-over while the old holder uploads',
  revoke: 'revoke the holder in mid-suspend',
  collection: 'collection of unreachable objects while a stalled writer wakes',
  unfit: 'target machine unfit: CPU flags, QEMU version, RAM, disk, no userfaultfd',
  storeLost: 'store lost while a lazily resumed guest runs',
} as const;

export type FaultRow = (typeof tableB)[keyof typeof tableB];
