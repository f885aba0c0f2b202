import { Link, useParams } from 'react-router';
import { useRead } from '../api/read.ts';
import { Card } from '../parts/card.tsx';
import { QuotasCard } from '../quotas/quotas-card.tsx';
import { Page } from '../shell/page.tsx';
import { TrustPicture } from '../trust/trust-picture.tsx';
import { plural } from '../words/figures.ts';

export function Component() {
  const { accountId = '' } = useParams();
  const read = useRead('readTrust', { params: { accountId } });
  const current = read.data?.hosts.filter(({ state }) => state === 'current').length;
  return (
    <Page
      title="Devices of an account"
      lead={
        <>
          Account <code>{accountId}</code>: its device chain, which its devices sign and no operator can change. <Link to={`/desktops?search=${accountId}`}>Its desktops</Link>, <Link to={`/hosts?search=${accountId}`}>its hosts</Link>, <Link to={`/audit?account=${accountId}`}>its entries in the audit log</Link>.
        </>
      }
    >
      <Card title="Who let whom in" aside={current === undefined ? null : `${plural(current, 'device')} trusted now`} read={read} lines={8} wide>
        {(trust) => <TrustPicture trust={trust} />}
      </Card>
      <QuotasCard accountId={accountId} />
    </Page>
  );
}
