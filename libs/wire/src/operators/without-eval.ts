import { z } from 'zod';

// For pages: zod compiles its checks with `eval` where it may, and finds out by trying; under the dashboard's policy the question alone is a
// violation. It asks when the first schema is made, so this module comes before all of them. In Node nothing changes.
if ('document' in globalThis) z.config({ jitless: true });
