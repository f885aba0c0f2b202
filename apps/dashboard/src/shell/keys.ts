import { places } from './places.ts';

/** What a key press anywhere on the page means. Pure. */
export type KeyMeaning = { readonly does: 'help' | 'search' | 'wait' | 'nothing' } | { readonly does: 'go'; readonly path: string };

export interface Pressed {
  readonly key: string;
  /** With Control, Alt or Meta: the browser's own. */
  readonly modified: boolean;
  /** Somebody types into a field, or a dialog is open. */
  readonly taken: boolean;
}

/** `afterG`: the press before this one was `g`, less than a second ago. */
export function meaningOf({ key, modified, taken }: Pressed, afterG: boolean): KeyMeaning {
  if (modified || taken) return { does: 'nothing' };
  if (afterG) {
    const place = places.find(({ letter }) => letter === key);
    if (place !== undefined) return { does: 'go', path: place.path };
  }
  if (key === '?') return { does: 'help' };
  if (key === '/') return { does: 'search' };
  return key === 'g' ? { does: 'wait' } : { does: 'nothing' };
}
