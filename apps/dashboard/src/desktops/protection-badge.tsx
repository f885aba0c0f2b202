import { useState } from 'react';
import type { DesktopRow } from '@godwit/wire/operators';
import { useNowMs } from '../live/live-context.tsx';
import { Badge } from '../parts/badge.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { protections } from '../words/wordings.ts';
import { lossText, policy, policyNote } from './protection.ts';

/** How safe a desktop is, as a word; pressed, it says by which rule, and what to do. */
export function ProtectionBadge({ desktop }: { readonly desktop: DesktopRow }) {
  const [open, setOpen] = useState(false);
  const { word, tone, meaning } = protections[desktop.protection];
  return (
    <>
      <button type="button" className={`badge badge-button tone-${tone}`} title={meaning} aria-haspopup="dialog" aria-label={`${word}: what that means for ${desktop.name}`} onClick={() => setOpen(true)}>
        <span className="badge-mark" aria-hidden="true" />
        {word}
      </button>
      {open ? <Policy desktop={desktop} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Policy({ desktop, onClose }: { readonly desktop: DesktopRow; readonly onClose: () => void }) {
  const nowMs = useNowMs();
  return (
    <Dialog title={`Protection of ${desktop.name}`} onClose={onClose}>
      <p>{lossText(desktop, nowMs)}</p>
      <dl className="policy">
        {policy.map(({ protection, when, nextStep }) => (
          <div key={protection} className={protection === desktop.protection ? 'policy-own' : undefined}>
            <dt>
              <Badge wording={protections[protection]} />
              {protection === desktop.protection ? <span className="policy-mark"> this desktop</span> : null}
            </dt>
            <dd>
              {when}
              {nextStep === null ? null : <span className="quiet"> Next step: {nextStep}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <p className="quiet">{policyNote}</p>
    </Dialog>
  );
}
