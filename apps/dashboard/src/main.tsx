import { StrictMode } from 'react';
import { QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router';
import { newQueryClient } from './api/read.ts';
import { LiveProvider } from './live/live-context.tsx';
import { keepMoves } from './live/shown-moves.ts';
import { LiveStream } from './live/stream.ts';
import { newRouter } from './routes.tsx';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/pages.css';

const page = document.getElementById('page');
if (page !== null) {
  const queries = newQueryClient();
  keepMoves(queries);
  createRoot(page).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <LiveProvider value={new LiveStream(queries)}>
          <RouterProvider router={newRouter()} />
        </LiveProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
