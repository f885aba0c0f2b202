/** What has happened to a desktop, in words. Pure. */

/** `checkpoint-committed` as `checkpoint committed`: kinds are words already. */
export function kindText(kind: string): string {
  return kind.replaceAll('-', ' ');
}

const idPattern = /^[0-9a-f]{32}$/;
const textLimit = 64;

/** The facts of an event, `name value`, ids by their first digits. What is no plain value is left out: nothing here is more than sizes, numbers and names. */
export function detailText(detail: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(detail).flatMap(([name, value]) => {
    const text = typeof value === 'string' ? (idPattern.test(value) ? value.slice(0, 8) : value.slice(0, textLimit)) : typeof value === 'number' || typeof value === 'boolean' ? `${value}` : undefined;
    return text === undefined ? [] : [`${name.replaceAll(/([A-Z])/g, ' $1').toLowerCase()} ${text}`];
  });
  return texts.join(', ');
}
