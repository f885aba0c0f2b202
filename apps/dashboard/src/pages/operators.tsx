import { Page } from '../shell/page.tsx';

export function Component() {
  return <Page title="Operators">{null}</Page>;
}
