import { Page } from '../shell/page.tsx';

export function Component() {
  return <Page title="Sign in">{null}</Page>;
}
