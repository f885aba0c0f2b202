import { Link } from 'react-router';
import { Empty } from '../parts/card.tsx';
import { Page } from '../shell/page.tsx';

export function Component() {
  return (
    <Page title="No such page">
      <Empty title="There is nothing at this address">
        The <Link to="/">overview</Link> shows what there is, and <kbd>/</kbd> searches.
      </Empty>
    </Page>
  );
}
