import { Page } from '../shell/page.tsx';

export function Component() {
  return <Page title="Hosts">{null}</Page>;
}
