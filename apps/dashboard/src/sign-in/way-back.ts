/** Where to go after the sign-in: a path of this page from `?to=`, never another site. Pure. */
export function wayBack(search: URLSearchParams): string {
  const to = search.get('to') ?? '/';
  return /^\/(?![/\\])/.test(to) && !to.startsWith('/sign-in') ? to : '/';
}
