/** Any: what is drawn at random is the same in each run, so that a red run is about what was changed. */
const usualSeed = 1;

/** With which all that tests draw at random begins: TEST_SEED says another, or `random` for a fresh one. */
export function testSeed(): number {
  const given = process.env.TEST_SEED;
  if (given === undefined) return usualSeed;
  if (given === 'random') return freshSeed();
  if (/^-?\d{1,10}$/.test(given)) return Number(given);
  throw new Error(`TEST_SEED=${given}: give a whole number, or "random".`);
}

export const freshSeed = () => Math.floor(Math.random() * 2 ** 31);
