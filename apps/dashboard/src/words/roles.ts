import type { Role } from '@godwit/wire/operators';

/** What each role may; each may what those before it may. */
export const roleMeanings: Readonly<Record<Role, string>> = {
  viewer: 'Sees every page but this one.',
  operator: 'Also acts on hosts: keeps one out, or lets it in again.',
  admin: 'Also decides who operates: invites, roles, removals, sessions of others.',
};
