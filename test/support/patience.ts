/** LIMITS for tests of crowds, of locks that are held and of models that wait for a test: a busy machine takes longer than anybody should be let wait. */
export const patience = JSON.stringify({
  ...{ poolWaitMs: 20_000, lockMs: 20_000, statementMs: 20_000 },
  ...{ firstTokenMs: 120_000, betweenTokensMs: 120_000 },
});
