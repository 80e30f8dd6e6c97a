/** The Redis that all test files share: use keys and channels that no other file uses. Faults need one of their own. */
export function testRedisUrl(): string {
  const url = process.env.TEST_REDIS_URL;
  if (!url) throw new Error("The tests' Redis is started by test/support/global-setup.mjs; run them with Jest.");
  return url;
}
