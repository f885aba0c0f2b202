import { useEffect, useRef, useState } from 'react';
import { NavLink, Outlet, useLocation } from 'react-router';
import { copyTimesAsIso } from '../parts/copied-times.ts';
import { wallMs } from '../ports.ts';
import { zoneText } from '../words/times.ts';
import { AccountMenu } from './account-menu.tsx';
import { Confirmed } from './confirm.tsx';
import { ConnectionState } from './connection-state.tsx';
import { Help } from './help.tsx';
import { places } from './places.ts';
import { Search } from './search.tsx';
import { SignedIn, useMay } from './session.tsx';
import { useKeys } from './use-keys.ts';

/** What stands around every page of who is signed in. */
export function Component() {
  return (
    <SignedIn>
      <Confirmed>
        <Frame />
      </Confirmed>
    </SignedIn>
  );
}

function Frame() {
  const [open, setOpen] = useState<'help' | 'search' | undefined>();
  useKeys(setOpen);
  useFocusOnTitle();
  useEffect(() => {
    document.addEventListener('copy', copyTimesAsIso);
    return () => document.removeEventListener('copy', copyTimesAsIso);
  }, []);
  const close = (): void => setOpen(undefined);
  return (
    <div className="frame">
      <a className="skip" href="#title">
        Skip to the page
      </a>
      <header className="top">
        <NavLink to="/" className="brand" end>
          <span className="brand-mark" aria-hidden="true" />
          Godwit
        </NavLink>
        <button type="button" className="button search-button" onClick={() => setOpen('search')}>
          <span>Search</span>
          <kbd aria-hidden="true">/</kbd>
        </button>
        <ConnectionState />
        <AccountMenu />
      </header>
      <Navigation onHelp={() => setOpen('help')} />
      <main className="page" id="page-body">
        <Outlet />
        <footer className="foot">
          Times in {zoneText(wallMs())}; copied, they are ISO 8601.
        </footer>
      </main>
      {open === 'help' ? <Help onClose={close} /> : null}
      {open === 'search' ? <Search onClose={close} /> : null}
    </div>
  );
}

function Navigation({ onHelp }: { readonly onHelp: () => void }) {
  const admin = useMay('admin');
  return (
    <nav className="side" aria-label="Pages">
      <ul>
        {places
          .filter(({ path }) => admin || path !== '/operators')
          .map(({ path, title }) => (
            <li key={path}>
              <NavLink to={path} end={path === '/'}>
                {title}
              </NavLink>
            </li>
          ))}
        <li className="side-last">
          <NavLink to="/glossary">Glossary</NavLink>
        </li>
        <li>
          <button type="button" onClick={onHelp}>
            Keys <kbd aria-hidden="true">?</kbd>
          </button>
        </li>
      </ul>
    </nav>
  );
}

/** After going to another page the focus is on its title, so that keyboard and screen reader go on there; not when only filters change. */
function useFocusOnTitle(): void {
  const { pathname, hash } = useLocation();
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    if (hash !== '') return;
    const title = document.getElementById('title');
    title?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [pathname, hash]);
}
