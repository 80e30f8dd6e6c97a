/** One configuration for all tests; `npm test` adds nothing but the runtime's flags and the machine's parts. */
export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        sourceMaps: 'inline',
        module: { type: 'es6' },
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: false, useDefineForClassFields: false },
        },
      },
    ],
  },
  // On two cores: a third of the time is spent waiting for what is said, stopped or away in a test.
  maxWorkers: 3,
  // Modules of a test file that has run are never given back by Jest, some 15 MB a file.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 120_000,
};
