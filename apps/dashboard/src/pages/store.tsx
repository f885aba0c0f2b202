import { useMemo } from 'react';
import type { StoreView } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { ChartFigure } from '../charts/chart-figure.tsx';
import '../desktops/desktops.css';
import { Card, Empty } from '../parts/card.tsx';
import { Page } from '../shell/page.tsx';
import { DeadLetters } from '../store/dead-letters.tsx';
import { ByDesktop, Now, Runs, Scrub, SecondBucket } from '../store/store-cards.tsx';
import '../store/store.css';
import { growthChart } from '../store/store-words.ts';
import { absoluteText } from '../words/times.ts';

export function Component() {
  const read = useRead('readStore', {});
  return (
    <Page title="Store" lead="What lies in the store, whether it is whole, and how long there is room.">
      <div className="cards">
        <Card title="Now" read={read} lines={6} wide>
          {(store) => <Now store={store} />}
        </Card>
        <Card title="Growth" read={read} lines={9} wide>
          {(store) => <Growth store={store} />}
        </Card>
        <Card title="Scrub" read={read} lines={4} wide>
          {(store) => <Scrub store={store} />}
        </Card>
        <Card title="Second bucket" read={read} lines={3} wide>
          {(store) => <SecondBucket store={store} />}
        </Card>
        <Card title="By desktop" read={read} lines={6} wide>
          {(store) => <ByDesktop store={store} />}
        </Card>
        <Card title="Given up" read={read} lines={3} wide>
          {(store) => <DeadLetters store={store} />}
        </Card>
        <Card title="Runs" read={read} lines={6} wide>
          {(store) => <Runs store={store} />}
        </Card>
      </div>
    </Page>
  );
}

function Growth({ store }: { readonly store: StoreView }) {
  const chart = useMemo(() => growthChart(store, (timeMs) => absoluteText(timeMs).slice(0, 10)), [store]);
  return store.growth.length === 0 ? <Empty title="Nothing was counted yet.">The first figure comes with the first day.</Empty> : <ChartFigure chart={chart} />;
}
