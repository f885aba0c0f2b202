import { Fault } from '@godwit/base';
import type { Desktop } from '@godwit/wire';

/** Where a desktop is that left one host and is on none yet. */
export function inStoreText({ name, head }: Pick<Desktop, 'name' | 'head'>): string {
  return `${name} is safe in the store as checkpoint ${head?.sequence ?? 0}, held by nobody; \`godwit resume ${name}\` goes on with it on any host`;
}

/** The same fault, which says also where the desktop is. */
export function withPlace(fault: Fault, place: string): Fault {
  return Fault.fromJSON({ ...fault.toJSON(), hint: `${fault.hint}; ${place}` });
}
