/** LIMITS for tests of crowds and of locks that are held: a busy machine takes longer than anybody should be let wait. */
export const patience = JSON.stringify({ poolWaitMs: 20_000, lockMs: 20_000, statementMs: 20_000 });
