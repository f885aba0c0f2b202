/** What `status` says of a desktop that is on this machine only. `nowMs` on the same wall clock, which may have been set back. Pure. */
export function savedNote(savedMs: number, nowMs: number): string {
  const minutes = Math.max(0, Math.floor((nowMs - savedMs) / 60_000));
  const since = new Date(savedMs);
  const time = `${String(since.getHours()).padStart(2, '0')}:${String(since.getMinutes()).padStart(2, '0')}`;
  const day = minutes < 24 * 60 ? '' : `${since.getFullYear()}-${String(since.getMonth() + 1).padStart(2, '0')}-${String(since.getDate()).padStart(2, '0')} `;
  return `saved on this machine only since ${day}${time} (${ageText(minutes)})`;
}

function ageText(minutes: number): string {
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
