import { useMemo } from 'react';
import { useParams } from 'react-router';
import type { DesktopDetail } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { ChartFigure } from '../charts/chart-figure.tsx';
import { desktopCharts } from '../desktop/desktop-charts.ts';
import '../desktops/desktops.css';
import { Now } from '../desktop/now.tsx';
import { Past } from '../desktop/past.tsx';
import { Events, Moves } from '../desktop/what-happened.tsx';
import { Card } from '../parts/card.tsx';
import { Page } from '../shell/page.tsx';
import { plural } from '../words/figures.ts';
import { absoluteText } from '../words/times.ts';

export function Component() {
  const { accountId = '', desktopId = '' } = useParams();
  const read = useRead('readDesktopDetail', { params: { accountId, desktopId } });
  return (
    <Page title={read.data === undefined ? 'Desktop' : `Desktop ${read.data.desktop.name}`}>
      <div className="cards">
        <Card title="Now" read={read} lines={8} wide>
          {(detail) => <Now detail={detail} />}
        </Card>
        <Card title="Checkpoints" aside={read.data === undefined ? null : plural(read.data.desktop.checkpoints, 'kept', 'kept')} read={read} lines={8} wide>
          {(detail) => <Past detail={detail} />}
        </Card>
        <Card title="Charts" read={read} lines={12} wide>
          {(detail) => <Charts detail={detail} />}
        </Card>
        <Card title="Moves" read={read} lines={6} wide>
          {({ moves }) => <Moves moves={moves} />}
        </Card>
        <Card title="Events" read={read} lines={6} wide>
          {({ events }) => <Events events={events} />}
        </Card>
      </div>
    </Page>
  );
}

function Charts({ detail }: { readonly detail: DesktopDetail }) {
  const charts = useMemo(() => desktopCharts(detail, absoluteText), [detail]);
  return (
    <div className="charts">
      {charts.map((chart) => (
        <ChartFigure key={chart.name} chart={chart} />
      ))}
    </div>
  );
}
