import { useDeferredValue, useState, type KeyboardEvent } from 'react';
import { Link } from 'react-router';
import { useRead } from '../api/read.ts';
import { Badge } from '../parts/badge.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { conditions, hostStates, type Wording } from '../words/wordings.ts';
import { pathToDesktop, pathToHost, places } from './places.ts';

interface Found {
  readonly to: string;
  readonly name: string;
  readonly kind: string;
  readonly wording?: Wording;
}

const shownOfEach = 8;

/** Finds pages, desktops and hosts by a part of their name; arrow keys walk through what was found. */
export function Search({ onClose }: { readonly onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const wanted = useDeferredValue(typed.trim());
  const found = useFound(wanted);
  return (
    <Dialog title="Search" onClose={onClose}>
      <div onKeyDown={walk}>
        <label className="field">
          <span>Name of a desktop, a host or a page</span>
          <input type="search" value={typed} maxLength={64} autoFocus autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
        </label>
        <p role="status" className="quiet">
          {wanted === '' ? 'Type a part of a name.' : found.length === 0 ? 'Nothing has this in its name.' : `${found.length} found`}
        </p>
        <ul className="found">
          {found.map(({ to, name, kind, wording }) => (
            <li key={to}>
              <Link to={to} onClick={onClose}>
                <span className="quiet">{kind}</span> <strong>{name}</strong>
              </Link>
              {wording === undefined ? null : <Badge wording={wording} />}
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}

function useFound(wanted: string): Found[] {
  const enabled = wanted !== '';
  const desktops = useRead('listAllDesktops', { query: { search: wanted } }, { enabled });
  const hosts = useRead('listAllHosts', { query: { search: wanted } }, { enabled });
  if (!enabled) return [];
  return [
    ...places.filter(({ title }) => title.toLowerCase().includes(wanted.toLowerCase())).map(({ path, title }) => ({ to: path, name: title, kind: 'Page' })),
    ...(desktops.data?.desktops ?? []).slice(0, shownOfEach).map(({ accountId, desktopId, name, condition }) => ({ to: pathToDesktop(accountId, desktopId), name, kind: 'Desktop', wording: conditions[condition] })),
    ...(hosts.data?.hosts ?? []).slice(0, shownOfEach).map(({ name, state }) => ({ to: pathToHost(name), name, kind: 'Host', wording: hostStates[state] })),
  ];
}

/** Up and Down go through the field and the links below it. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, .found a:not(.badge)')];
  const here = stops.findIndex((stop) => stop === document.activeElement);
  const next = stops[here + (event.key === 'ArrowDown' ? 1 : -1)];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
