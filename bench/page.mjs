// What a page of history costs: the newest 50 of a conversation's messages, with six fields each.
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { ask, interleave, load, post, printMachine, printTable, startRig } from './rig.mjs';

const conversations = 64;
const fields = 'id role status content createdAt model';
const query = `query ($id: ID!, $last: Int) { conversation(id: $id) {
  messages(last: $last) { nodes { ${fields} } } } }`;
const uuidOf = (id) => id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

export async function bench({ seconds = 3, rounds = 5, workers = 32, messages = 10_000 }) {
  printMachine();
  const rig = await startRig({ durable: false });
  try {
    const [parley, floor] = [await rig.serve('parley'), await rig.serve('page')];
    const token = await rig.token('ada');
    const { owner, ids } = await plant({ rig, parley, token, messages });
    const one = (id, last) => () => ask(parley.url, token, query, { id, last });
    const measure = (server, work) => () => load({ server, workers, seconds, work });
    const bare = (sealed) => (worker) =>
      post(floor.url, JSON.stringify({ owner, id: uuidOf(ids[worker % ids.length]), sealed }));
    const results = await interleave(rounds, [
      measure(floor, bare(true)),
      measure(parley, (worker) => one(ids[worker % ids.length], 50)()),
      measure(parley, (worker) => one(ids[worker % ids.length], 15)()),
    ]);
    const names = ['floor: the statement by pg', '50 messages over GraphQL', '15, from the recent list'];
    printTable(Object.fromEntries(results.map((result, index) => [names[index], result])));
    await printStatements(parley, one(ids[0], 50));
  } finally {
    await rig.stop();
  }
}

/** One conversation with so many messages, and others with 100; all of it appended as applications append. */
async function plant({ rig, parley, token, messages }) {
  const startMs = performance.now();
  const append = `mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { conversation { id } } }`;
  const begin = 'mutation { createConversation(input: {}) { conversation { id } } }';
  const ids = [];
  for (let n = 0; n < conversations; n += 1) {
    const { createConversation } = await ask(parley.url, token, begin);
    ids.push(createConversation.conversation.id);
    const hundreds = n === 0 ? Math.ceil(messages / 100) : 1;
    for (let hundred = 0; hundred < hundreds; hundred += 1) {
      const texts = Array.from({ length: 100 }, (_, i) => ({
        role: i % 2 === 0 ? 'USER' : 'ASSISTANT',
        content: `${'A sentence of some words, as people write them. '.repeat(8)}${i}`,
      }));
      await ask(parley.url, token, append, { input: { conversationId: ids[n], messages: texts } });
    }
  }
  await rig.pool.query('VACUUM (ANALYZE)');
  const { viewer } = await ask(parley.url, token, '{ viewer { id } }');
  console.log(`${conversations} conversations planted in ${Math.round((performance.now() - startMs) / 1000)} s`);
  return { owner: uuidOf(viewer.id), ids };
}

async function printStatements(parley, read) {
  await parley.statements();
  await read();
  console.log('statements of one page:', (await parley.statements()).join(', '));
}

/** Bare node:http, one named statement on the same tables, JSON.stringify; the texts as they are stored. */
export async function serveFloor() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
  pool.on('error', () => {});
  const text = `SELECT message.id, message.role, message.status, encode(message.sealed_content, 'base64') AS content,
      message.created_at::text, message.model
    FROM segments AS segment CROSS JOIN LATERAL (
      SELECT * FROM messages WHERE owner_id = $1 AND conversation_id = $2 AND segment = segment.first_position
      AND position <= segment.visible_to ORDER BY position DESC LIMIT 50) AS message
    WHERE segment.owner_id = $1 AND segment.conversation_id = $2 AND segment.visible_to IS NOT NULL
    ORDER BY segment.first_position DESC, message.position DESC LIMIT 50`;
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { owner, id } = JSON.parse(Buffer.concat(parts).toString());
    const { rows } = await pool.query({ name: 'floor', text, values: [owner, id] });
    response.end(JSON.stringify(rows));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    await pool.end();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}
