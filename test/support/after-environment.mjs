import { jest } from '@jest/globals';

// Where machines check, a test that fails for want of time gets one more try; its first error is printed all the same.
if (process.env.CI) jest.retryTimes(1, { logErrorsBeforeRetry: true });
