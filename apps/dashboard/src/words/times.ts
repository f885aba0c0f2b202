/** Times as the viewer's own wall shows them, with the zone named once on each page. Pure, but for the zone of this machine. */

/** `2026-11-21 16:04:05` in `zone`, an IANA name; the viewer's own zone where none is given. */
export function absoluteText(timeMs: number, zone?: string): string {
  // Sweden writes dates as ISO does, whatever language the browser speaks.
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', ...(zone === undefined ? {} : { timeZone: zone }) }).format(timeMs);
}

/** What is copied, and what programs read: `2026-11-21T16:04:05.000Z`. */
export function isoText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** `Europe/Berlin (UTC+01:00)`, for the foot of the page. */
export function zoneText(atMs: number, zone?: string): string {
  const format = new Intl.DateTimeFormat('en', { timeZoneName: 'longOffset', ...(zone === undefined ? {} : { timeZone: zone }) });
  const offset = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  return `${format.resolvedOptions().timeZone} (${offset.replace('GMT', 'UTC').replace('+00:00', '')})`;
}
