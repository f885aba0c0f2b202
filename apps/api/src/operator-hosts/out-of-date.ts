/** Minor versions that an agent may be behind the coordinator: upgrade the coordinator first, then the hosts, one step at a time. */
const minorsBehindMax = 1;

/**
 * Whether an agent of version `agent` is older than a coordinator of version `coordinator` by more than is supported: another major version
 * below, or more than one minor version. What is no version is out of date; what is newer is not.
 */
export function isOutOfDate(agent: string, coordinator: string): boolean {
  const [told, own] = [partsOf(agent), partsOf(coordinator)];
  if (told === undefined || own === undefined) return told === undefined;
  if (told.major !== own.major) return told.major < own.major;
  return told.minor < own.minor - minorsBehindMax;
}

function partsOf(version: string): { major: number; minor: number } | undefined {
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?:[-+].*)?$/.exec(version) ?? [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
