/**
 * The times of ownership, in one place with their reasons. Both sides keep them as constants: neither can talk the other into longer ones.
 * All are read on CLOCK_BOOTTIME, which goes on while a machine sleeps.
 */

/** What one accepted renewal of a strict lease is good for, from the moment before it was sent. */
export const leaseTermMs = 30_000;
/** Between renewals: five of them may fail before the guest is paused. */
export const renewEveryMs = 5_000;
/** Between questions for the epoch of a desktop that is not strict; a change of owner is told at once over the event stream, this is for a stream that is silently dead. */
export const askEveryMs = 30_000;
/** So long before the deadline of a strict lease the guard pauses the guest... */
export const guardPauseMs = 8_000;
/** ... and so long before it the guard kills QEMU, paused or not. */
export const guardKillMs = 3_000;
/** After the term, before the coordinator lets another host take a strict desktop over: for clocks that run 5 % apart, and then some. */
export const takeOverMarginMs = 15_000;
/** How long a host that wakes up waits for word about its epoch before it decides without. */
export const wakeAnswerMs = 2_000;
/** Leases in one renewal. */
export const renewalsLimit = 64;
