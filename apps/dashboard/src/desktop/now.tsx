import { Link } from 'react-router';
import type { DesktopDetail } from '@godwit/wire/operators';
import { ProtectionBadge } from '../desktops/protection-badge.tsx';
import { lossText } from '../desktops/protection.ts';
import { useNowMs } from '../live/live-context.tsx';
import { Badge, Term } from '../parts/badge.tsx';
import { Bytes, Time } from '../parts/figures.tsx';
import { pathToDesktop, pathToHost, pathToTrust } from '../shell/places.ts';
import { conditions } from '../words/wordings.ts';

/** Who holds a desktop, and how safe it is. */
export function Now({ detail: { desktop, forkedFrom, forks } }: { readonly detail: DesktopDetail }) {
  const nowMs = useNowMs();
  const { accountId, holder, epoch, condition, offline, durableMs, checkpoints, storedBytes, createdMs } = desktop;
  return (
    <>
      <p className="loss">{lossText(desktop, nowMs)}</p>
      <dl className="facts">
        <dt>State</dt>
        <dd>
          <Badge wording={conditions[condition]} /> <ProtectionBadge desktop={desktop} />
        </dd>
        <dt>Held by</dt>
        <dd>{holder === null ? 'nobody' : <Link to={pathToHost(holder.name)}>{holder.name}</Link>}</dd>
        <dt>
          <Term term="lease-epoch">Epoch</Term>
        </dt>
        <dd>{epoch}</dd>
        <dt>Without a link</dt>
        <dd>{offline === 'keep' ? 'it goes on, and what it did may become a copy of its own' : 'it stops before another host may take it over'}</dd>
        <dt>Newest checkpoint</dt>
        <dd>
          <Time ms={durableMs} none="none yet" />
        </dd>
        <dt>Stored</dt>
        <dd>
          <Bytes value={storedBytes} /> in {checkpoints} kept {checkpoints === 1 ? 'checkpoint' : 'checkpoints'}
        </dd>
        <dt>Created</dt>
        <dd>
          <Time ms={createdMs} />
        </dd>
        {forkedFrom === null ? null : (
          <>
            <dt>Forked from</dt>
            <dd>
              <Link to={pathToDesktop(accountId, forkedFrom.desktopId)}>{forkedFrom.name ?? 'a desktop that is gone'}</Link>, checkpoint {forkedFrom.sequence}
            </dd>
          </>
        )}
        {forks.length === 0 ? null : (
          <>
            <dt>Forks</dt>
            <dd>
              {forks.map(({ desktopId, name }, index) => (
                <span key={desktopId}>
                  {index === 0 ? '' : ', '}
                  <Link to={pathToDesktop(accountId, desktopId)}>{name}</Link>
                </span>
              ))}
            </dd>
          </>
        )}
        <dt>Account</dt>
        <dd>
          <Link to={pathToTrust(accountId)}>who let whom in</Link> · <Link to={`/audit?desktop=${desktop.desktopId}`}>its entries in the audit log</Link>
        </dd>
      </dl>
    </>
  );
}
