import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// One folder of files with names by content, served by the coordinator under /dashboard/. No inline script or style: its policy forbids them.
export default defineConfig({
  base: '/dashboard/',
  plugins: [react()],
  build: { outDir: 'dist/page', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
