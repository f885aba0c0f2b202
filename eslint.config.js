import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Types first: the strictest sets of typescript-eslint, with type information. What is relaxed says why.
// What no linter knows (import floors, sizes, words, ports) is checked by test/src/tidy.
export default defineConfig(
  { ignores: ['**/dist/', '**/node_modules/', '.cache/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-constant-binary-expression': 'error',
      'no-control-regex': 'error',
      'no-self-compare': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // A default clause stands for "all others" where the union is of numbers from the wire; unions of our own are listed whole.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers, sizes and flags in messages are what messages are for.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // With noUncheckedIndexedAccess every byte of a loop over a buffer would need a branch that cannot be taken.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `(resolve) => server.close(resolve)` and `() => queue.push(x)` read better than their braces.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // A method without a body is how a silent log or an optional step is written.
      '@typescript-eslint/no-empty-function': ['error', { allow: ['methods', 'arrowFunctions'] }],
      // Ports are asynchronous for the implementation that needs it; the in-memory one does not.
      '@typescript-eslint/require-await': 'off',
      // `process.env['GODWIT_HOME']` shows that the name is data and may be absent.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // `newId<DesktopId>(random)`: whoever asks names the brand of the answer.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `type` and `interface` are both fine; what matters is that one is not the other by accident.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // `for (;;)` and `while (true)` loops over a stream end by return.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // Nest's modules and controllers are classes that hold only decorators.
    files: ['apps/api/src/**/*.ts'],
    rules: { '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }] },
  },
  {
    // The relations between limits are asserted where they stand; that they hold today is the point.
    files: ['**/limits.ts'],
    rules: { '@typescript-eslint/no-unnecessary-condition': 'off' },
  },
  {
    // node:test's `test` and `describe` return promises that the runner itself waits for.
    files: ['**/*.test.ts', '**/*.flow.ts', '**/testing/**/*.ts', 'test/src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'] }] },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error', 'no-unused-vars': 'error', 'no-self-compare': 'error' },
  },
);
