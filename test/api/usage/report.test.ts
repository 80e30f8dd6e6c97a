import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { attempt, readMessage, send } from '../../support/conversations.js';
import { answered, ModelServer } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { SqlClient } from '../../support/sql-client.js';
import { until } from '../../support/until.js';
import { personWith, pricedModels, type ReadUsage, usageFields, used } from '../../support/usage.js';

let model: ModelServer;
let app: TestApp;
let sql: SqlClient;

beforeAll(async () => {
  model = await ModelServer.start();
  model.replyWith(answered('One.'));
  app = await startApp({
    env: { LIMITS: patience, ...model.env, ...pricedModels() },
  });
  sql = await SqlClient.connect(app.database.url);
});

afterAll(async () => {
  await sql?.close();
  await app?.close();
  await model?.stop();
});

interface Report {
  readonly usageReport: readonly { readonly key: string | null; readonly usage: ReadUsage }[];
}

describe('A usage report', () => {
  const query = `query ($from: DateTime, $to: DateTime, $groupBy: UsageGrouping! = DEPARTMENT) {
    usageReport(from: $from, to: $to, groupBy: $groupBy) { key usage { ${usageFields} } }
  }`;
  /** Long ago, so that no other test adds to it. */
  const period = { from: '2020-01-01T00:00:00Z', to: '2020-01-03T00:00:00Z' };
  let admin: Person;

  beforeAll(async () => {
    admin = personWith(app, 'admin', { roles: ['admin'] });
    await Promise.all([admin, app.person()].map((person) => person.data('{ viewer { id } }')));
    await sql.rows(
      `INSERT INTO usage_days (owner_id, day, model, department, answers, prompt_tokens, completion_tokens,
         cost_micro_usd, unreported_answers, estimated_tokens, estimated_cost_micro_usd)
       SELECT owner.id, given.day::date, given.model, given.department, 1, 10, 20, given.cost, 1, 5, 5
       FROM (SELECT id FROM users LIMIT 2) AS owner CROSS JOIN (VALUES
         ('2020-01-01', 'm1', 'Sales', 30), ('2020-01-02', 'm1', 'Sales', 30), ('2020-01-02', 'm2', '', 5),
         ('2020-01-02', '', 'Bees', 5), ('2020-01-02', 'm2', 'Ants', 5), ('2020-01-03', 'm3', 'Late', 1000)
       ) AS given (day, model, department, cost)`,
    );
  });

  it.each([
    [
      'DEPARTMENT',
      [
        ['Sales', 120, 4],
        ['Ants', 10, 2],
        ['Bees', 10, 2],
        [null, 10, 2],
      ],
    ],
    [
      'MODEL',
      [
        ['m1', 120, 4],
        ['m2', 20, 4],
        [null, 10, 2],
      ],
    ],
    [
      'DAY',
      [
        ['2020-01-02', 90, 8],
        ['2020-01-01', 60, 2],
      ],
    ],
  ])('by %s adds up what everyone used, by cost, then key', async (groupBy, expected) => {
    const { usageReport } = await admin.data<Report>(query, { ...period, groupBy });
    expect(usageReport.map(({ key, usage }) => [key, usage.costMicroUsd, usage.answers])).toEqual(expected);
    const [first] = usageReport;
    const count = Number(first?.usage.answers);
    expect(first?.usage).toMatchObject({
      promptTokens: 10 * count,
      completionTokens: 20 * count,
      unreportedAnswers: count,
    });
  });

  it('is by department where nothing is said, and takes one statement', async () => {
    app.statements.length = 0;
    const { usageReport } = await admin.data<Report>(
      '{ usageReport(from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z") { key } }',
    );
    expect(usageReport).toEqual([{ key: 'Sales' }]);
    expect(app.statements.filter((name) => name.startsWith('usage.'))).toEqual(['usage.reportByDepartment']);
  });

  it('is FORBIDDEN for everyone else, after no statement', async () => {
    const roles = [[], ['user'], ['Admin'], ['admins']];
    app.statements.length = 0;
    for (const person of roles.map((names) => personWith(app, 'ada', { roles: names }))) {
      expect(await attempt(person, query, period)).toMatchObject({ code: 'FORBIDDEN' });
    }
    expect(app.statements.filter((name) => name.startsWith('usage.'))).toEqual([]);
  });

  it('has the department that the token said at the send, the model, and 1,000 rows at most', async () => {
    const department = randomUUID();
    const person = personWith(app, randomUUID(), { dept: department });
    const { answer } = await send(person, { content: 'One?', model: 'plain' });
    await until('it is final', async () => (await readMessage(person, answer.id)).status === 'COMPLETE');
    const byDepartment = await admin.data<Report>(query, { from: new Date().toISOString() });
    expect(byDepartment.usageReport.find(({ key }) => key === department)?.usage).toEqual(used(1, 7, 1, 0, 1));
    const byModel = await admin.data<Report>(query, { groupBy: 'MODEL' });
    expect(byModel.usageReport.map(({ key }) => key)).toContain('plain');
    await sql.rows(
      `INSERT INTO usage_days SELECT id, date '1990-01-01', n::text, '', 1, 1, 1, n, 0, 0, 0
       FROM (SELECT id FROM users LIMIT 1) AS owner CROSS JOIN generate_series(1, 1010) AS n`,
    );
    const of1990 = await admin.data<Report>(query, { to: '1990-01-02T00:00:00Z', groupBy: 'MODEL' });
    expect(of1990.usageReport.map(({ key }) => key)).toEqual(Array.from({ length: 1000 }, (_, n) => String(1010 - n)));
  });
});
