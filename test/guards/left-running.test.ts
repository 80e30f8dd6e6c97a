import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { createDatabase } from '../support/test-database.js';

const root = join(import.meta.dirname, '../..');

/** Test files, each with one test that passes, and what the run says of them. */
const planted = {
  'clean.test.js': "const server = require('node:http').createServer(); server.listen(0, () => server.close());",
  'timer.test.js': 'setTimeout(() => undefined, 77_000);',
  'interval.test.js': 'setInterval(() => undefined, 1000);',
  'server.test.js': "require('node:http').createServer().listen(0);",
  'child.test.js': "require('node:child_process').spawn('sleep', ['30']);",
};

let folder: TemporaryFolder;
let output: string;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  const testFolder = join(folder.path, 'tests');
  await mkdir(testFolder);
  for (const [name, text] of Object.entries(planted)) {
    await writeFile(join(testFolder, name), `test('passes', () => { ${text} });\n`);
  }
  output = await runJest(testFolder);
});

afterAll(() => folder?.remove());

/** A run of Jest of its own, under the environment of all tests here. */
function runJest(rootDir: string): Promise<string> {
  const config = { rootDir, testEnvironment: join(root, 'test/support/environment.mjs'), transform: {} };
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  const args = [jest, '--config', JSON.stringify(config), '--maxWorkers', '4', '--no-cache'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: rootDir, timeout: 110_000 }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

describe('A test file', () => {
  it('passes when it closes what it opened', () => {
    expect(output).toContain('PASS ./clean.test.js');
  });

  it.each([
    ['timer', 'a timer of 77000 ms'],
    ['interval', 'a timer of'],
    ['server', 'a server on'],
    ['child', '(sleep)'],
  ])('fails when it leaves a %s running, which is named', (name, what) => {
    expect(output).toContain(`FAIL ./${name}.test.js`);
    expect(output).toMatch(new RegExp(`left something running: .*${what.replaceAll(/[()]/g, '\\$&')}`));
  });

  it('fails when it drops its database with a connection open', async () => {
    const database = await createDatabase();
    const client = new pg.Client(database.url);
    client.on('error', () => undefined);
    await client.connect();
    await expect(database.drop()).rejects.toThrow("1 connections to the test's database were not closed");
    await client.end().catch(() => undefined);
  });
});
