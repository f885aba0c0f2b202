import type { Role } from '@godwit/wire/operators';

/** What each role may; each may what those before it may. */
export const roleMeanings: Readonly<Record<Role, string>> = {
  viewer: 'Sees every page but this one.',
  operator: 'Also acts: keeps a host out or lets it in again, says what an account may have and do, and takes care of what needs a person.',
  admin: 'Also decides who operates: invites, roles, removals, sessions of others.',
};
