import { Link } from 'react-router';
import { useRead } from '../api/read.ts';
import { DesktopCounts, MostToLose } from '../overview/desktops-card.tsx';
import { MovesCard } from '../overview/moves-card.tsx';
import { NeedsAPerson } from '../overview/needs-a-person.tsx';
import { Card } from '../parts/card.tsx';
import { Bytes } from '../parts/figures.tsx';
import { Page } from '../shell/page.tsx';
import { countText, plural } from '../words/figures.ts';

/** Who needs a person; below it, what there is. */
export function Component() {
  const read = useRead('readOverview', {});
  return (
    <Page title="Overview">
      <Card title="Needs a person" aside={read.data === undefined || read.data.attention.length === 0 ? undefined : plural(read.data.attention.length, 'thing')} read={read} lines={4} wide>
        {({ attention }) => <NeedsAPerson list={attention} />}
      </Card>
      <div className="cards">
        <Card title="Desktops" aside={<Link to="/desktops">All desktops</Link>} read={read} lines={6}>
          {({ desktops, protection }) => <DesktopCounts desktops={desktops} protection={protection} />}
        </Card>
        <MostToLose />
        <MovesCard overview={read} />
        <Card title="Hosts" aside={<Link to="/hosts">All hosts</Link>} read={read} lines={2}>
          {({ hosts }) => (
            <dl className="counts">
              <Figure word="in their chain" value={countText(hosts.current)} to="/hosts?state=current" />
              <Figure word="in reach" value={countText(hosts.inReach)} to="/hosts?state=in-reach" />
              <Figure word="out of date" value={countText(hosts.outOfDate)} to="/hosts?state=out-of-date" warn={hosts.outOfDate > 0} />
            </dl>
          )}
        </Card>
        <Card title="Store" aside={<Link to="/store">The store</Link>} read={read} lines={2}>
          {({ store }) => (
            <dl className="counts">
              <Figure word="needed" value={<Bytes value={store.liveBytes} />} />
              <Figure word="not needed any more" value={<Bytes value={store.deadBytes} />} />
              <Figure word="objects" value={countText(store.objects)} />
            </dl>
          )}
        </Card>
      </div>
    </Page>
  );
}

function Figure({ word, value, to, warn = false }: { readonly word: string; readonly value: React.ReactNode; readonly to?: string; readonly warn?: boolean }) {
  return (
    <div className={warn ? 'count text-warn' : 'count'}>
      <dt>{word}</dt>
      <dd>{to === undefined ? value : <Link to={to}>{value}</Link>}</dd>
    </div>
  );
}
