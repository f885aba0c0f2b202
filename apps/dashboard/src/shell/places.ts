/** All pages with an entry in the navigation: where they are, what they are called, and the letter that goes there after `g`. Pure. */
export interface Place {
  readonly path: string;
  readonly title: string;
  readonly letter: string;
}

export const places: readonly Place[] = [
  { path: '/', title: 'Overview', letter: 'o' },
  { path: '/desktops', title: 'Desktops', letter: 'd' },
  { path: '/hosts', title: 'Hosts', letter: 'h' },
  { path: '/moves', title: 'Moves', letter: 'm' },
  { path: '/store', title: 'Store', letter: 's' },
  { path: '/audit', title: 'Audit', letter: 'a' },
  { path: '/operators', title: 'Operators', letter: 'p' },
  { path: '/sessions', title: 'Sessions', letter: 'e' },
];

export const pathToDesktop = (accountId: string, desktopId: string): string => `/accounts/${accountId}/desktops/${desktopId}`;
export const pathToTrust = (accountId: string): string => `/accounts/${accountId}/trust`;
export const pathToMove = (moveId: string): string => `/moves/${moveId}`;
/** The hosts of that name, and what is said of them. */
export const pathToHost = (name: string): string => `/hosts?search=${encodeURIComponent(name)}`;
