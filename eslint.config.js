import tseslint from 'typescript-eslint';

const noTimeNoChance = [
  { object: 'Date', property: 'now', message: 'Time is handed in (design: D2).' },
  { object: 'performance', property: 'now', message: 'Time is handed in (design: D2).' },
  { object: 'Math', property: 'random', message: 'Chance is handed in (design: D2).' },
  { object: 'crypto', property: 'getRandomValues', message: 'Chance is handed in (design: D2).' },
];

export default tseslint.config(
  { ignores: ['dist/', '.cache/', 'coverage/', 'node_modules/', 'src/demo/public/', 'src/console/public/'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'docs/generator/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      eqeqeq: 'error',
      'max-lines': ['error', 400],
    },
  },
  {
    files: ['src/**/*.ts', 'bench/**/*.ts', 'docs/generator/*.ts'],
    rules: { 'max-lines-per-function': ['error', 60] },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/cli/**'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['src/wamp/**/*.ts', 'src/codec/**/*.ts', 'src/routing/**/*.ts'],
    rules: {
      'no-restricted-properties': ['error', ...noTimeNoChance],
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'queueMicrotask',
        'performance',
        'crypto',
        'process',
        'Promise',
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'AwaitExpression', message: 'Routing is synchronous (design: D2).' },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', '**/*.config.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      'no-restricted-exports': 'off',
      'no-restricted-properties': [
        'error',
        { object: 'vi', property: 'mock', message: 'Test files share their modules: pass the part in.' },
        { object: 'vi', property: 'doMock', message: 'Test files share their modules: pass the part in.' },
      ],
    },
  },
);
