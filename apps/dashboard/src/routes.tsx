import { createBrowserRouter, useRouteError } from 'react-router';
import { asRefusal } from './api/refusal.ts';
import { Failed } from './parts/card.tsx';

/** Every page, each in a file of its own that is fetched when somebody goes there. */
export function newRouter() {
  return createBrowserRouter(
    [
      { path: '/sign-in', lazy: () => import('./pages/sign-in.tsx'), ErrorBoundary: Broken, HydrateFallback: Starting },
      { path: '/enrol', lazy: () => import('./pages/enrol.tsx'), ErrorBoundary: Broken, HydrateFallback: Starting },
      { path: '/oidc', lazy: () => import('./pages/oidc.tsx'), ErrorBoundary: Broken, HydrateFallback: Starting },
      {
        lazy: () => import('./shell/layout.tsx'),
        ErrorBoundary: Broken,
        HydrateFallback: Starting,
        children: [
          {
            ErrorBoundary: BrokenPage,
            children: [
              { path: '/', lazy: () => import('./pages/overview.tsx') },
              { path: '/desktops', lazy: () => import('./pages/desktops.tsx') },
              { path: '/accounts/:accountId/desktops/:desktopId', lazy: () => import('./pages/desktop.tsx') },
              { path: '/hosts', lazy: () => import('./pages/hosts.tsx') },
              { path: '/accounts/:accountId/trust', lazy: () => import('./pages/trust.tsx') },
              { path: '/moves', lazy: () => import('./pages/moves.tsx') },
              { path: '/moves/:moveId', lazy: () => import('./pages/move.tsx') },
              { path: '/store', lazy: () => import('./pages/store.tsx') },
              { path: '/audit', lazy: () => import('./pages/audit.tsx') },
              { path: '/operators', lazy: () => import('./pages/operators.tsx') },
              { path: '/sessions', lazy: () => import('./pages/sessions.tsx') },
              { path: '/glossary', lazy: () => import('./pages/glossary.tsx') },
              { path: '*', lazy: () => import('./pages/not-found.tsx') },
            ],
          },
        ],
      },
    ],
    { basename: '/dashboard' },
  );
}

function Starting() {
  return (
    <p className="alone" role="status">
      Loading…
    </p>
  );
}

/** A part of the page could not be fetched, or threw: the rest of the frame stays. */
function BrokenPage() {
  const refusal = asRefusal(useRouteError());
  return <Failed refusal={refusal} again={() => location.reload()} />;
}

function Broken() {
  return (
    <main className="alone">
      <BrokenPage />
    </main>
  );
}
