/** The clock and the dice of the page, as ports; libs/base has those of Node. */

/** The viewer's clock, milliseconds since 1970. */
export const wallMs = (): number => Date.now();
/** At least 0, below 1; for spreading reconnects, never for secrets. */
export const randomFraction = (): number => Math.random();
