import { Link } from 'react-router';
import type { OperatorHost } from '@godwit/wire/operators';
import { Dialog } from '../parts/dialog.tsx';
import { Time } from '../parts/figures.tsx';
import { pathToTrust } from '../shell/places.ts';
import { Holds } from './host-columns.tsx';
import { factsOf, limitsOf } from './host-words.ts';

/** All that is known of one host. */
export function HostDialog({ host, onClose }: { readonly host: OperatorHost; readonly onClose: () => void }) {
  return (
    <Dialog title={`Host ${host.name}`} onClose={onClose}>
      <Limits host={host} />
      <dl className="facts">
        <dt>Joined</dt>
        <dd>
          <Time ms={host.joinedMs} />
        </dd>
        <dt>Last contact</dt>
        <dd>
          <Time ms={host.lastContactMs} />
        </dd>
        <dt>Holds</dt>
        <dd>
          <Holds host={host} />
        </dd>
        <dt>Account</dt>
        <dd>
          <Link to={pathToTrust(host.accountId)}>who let whom in</Link>
        </dd>
        {host.report === null ? null : <Facts report={host.report} />}
      </dl>
    </Dialog>
  );
}

function Facts({ report }: { readonly report: NonNullable<OperatorHost['report']> }) {
  return factsOf(report).map(({ name, value }) => [
    <dt key={name}>{name}</dt>,
    <dd key={`${name} value`}>{value}</dd>,
  ]);
}

function Limits({ host: { report } }: { readonly host: OperatorHost }) {
  if (report === null) return <p>It has not told yet what it can do.</p>;
  const limits = limitsOf(report);
  if (limits.length === 0) return <p>Nothing in its report keeps it from running desktops. Whether a certain one fits is checked there when it comes.</p>;
  return (
    <ul className="limits">
      {limits.map((limit) => (
        <li key={limit}>{limit}</li>
      ))}
    </ul>
  );
}
