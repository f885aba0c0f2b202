import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { roles } from '@godwit/wire/operators';

const page = document.getElementById('page');
if (page !== null) {
  createRoot(page).render(
    <StrictMode>
      <main>{roles.join(', ')}</main>
    </StrictMode>,
  );
}
