import fc from 'fast-check';
import { testSeed } from './test-seed.js';

// What fails tells its seed, as `seed`: TEST_SEED sets it again.
fc.configureGlobal({ seed: testSeed() });

/** fast-check, which draws with the seed of all tests. */
export { fc };
