/** `Firefox on Linux` of what a browser says it is; its first words where it is not known. For people only: browsers may say anything. Pure. */
export function browserText(agent: string): string {
  const browsers: readonly (readonly [RegExp, string])[] = [[/\bEdg\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bFirefox\//, 'Firefox'], [/\bChrom(e|ium)\/|HeadlessChrome/, 'Chromium'], [/\bSafari\//, 'Safari']];
  const systems: readonly (readonly [RegExp, string])[] = [[/\bAndroid\b/, 'Android'], [/\b(iPhone|iPad)\b/, 'iOS'], [/\bWindows\b/, 'Windows'], [/\bMac OS X\b/, 'macOS'], [/\bLinux\b/, 'Linux']];
  const first = (table: typeof browsers): string | undefined => table.find(([pattern]) => pattern.test(agent))?.[1];
  const [browser, system] = [first(browsers), first(systems)];
  if (browser === undefined) return agent === '' ? 'not told' : agent.slice(0, 32);
  return system === undefined ? browser : `${browser} on ${system}`;
}
