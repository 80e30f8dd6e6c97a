// What a question costs, from the request to its acknowledgement: the question and the empty answer are stored by then.
import { createServer } from 'node:http';
import pg from 'pg';
import { ask, interleave, load, post, printMachine, printTable, startRig, took } from './rig.mjs';

const conversationsEach = 16;
const send = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  conversation { id } message { id } answer { id status streamCursor } } }`;
const append = `mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { messages { id } } }`;
const begin = 'mutation { createConversation(input: {}) { conversation { id } } }';
const content = 'A sentence of some words, as people write them. '.repeat(4);

export async function bench({ seconds = 3, rounds = 5, workers = 32 }) {
  printMachine();
  const model = await startModel();
  const rig = await startRig({ env: { OPENAI_BASE_URL: `${model.url}/v1`, DEFAULT_MODEL: 'bench' } });
  try {
    const [parley, floor] = [await rig.serve('parley'), await rig.serve('send')];
    await rig.pool.query(`CREATE TABLE floor_headers (id integer PRIMARY KEY, last integer NOT NULL);
      CREATE TABLE floor_messages (header integer, position integer, content text, PRIMARY KEY (header, position));
      INSERT INTO floor_headers SELECT n, 0 FROM generate_series(0, 999) AS n`);
    const people = await Promise.all(Array.from({ length: workers }, (_, n) => person(rig, parley, n)));
    const behindMs = [];
    const settled = async () => {
      const { ms } = await took(() => allSettled(rig.pool));
      behindMs.push(ms);
    };
    const measure = (server, work) => () =>
      load({ server, workers, seconds, work, ...(server === parley && { settled }) });
    const ofWorker = (worker, nth) => {
      const { token, ids } = people[worker];
      return { token, conversationId: ids[nth % ids.length] };
    };
    const toOne = async (worker, nth) => {
      const { token, conversationId } = ofWorker(worker, nth);
      await ask(parley.url, token, send, { input: { conversationId, content, whenBusy: 'CANCEL' } });
    };
    const messages = [
      { role: 'USER', content },
      { role: 'ASSISTANT', content },
    ];
    const results = await interleave(rounds, [
      measure(floor, (worker, nth) => post(floor.url, JSON.stringify({ id: (worker * 31 + nth) % 1000, content }))),
      measure(parley, (worker, nth) => {
        const { token, conversationId } = ofWorker(worker, nth);
        return ask(parley.url, token, append, { input: { conversationId, messages } });
      }),
      measure(parley, toOne),
      measure(parley, (worker) => ask(parley.url, people[worker].token, send, { input: { content } })),
    ]);
    const names = [
      'floor: a transaction of four trips',
      'append a question and an answer',
      'send to a conversation',
      'send a new conversation',
    ];
    printTable(Object.fromEntries(results.map((result, index) => [names[index], result])));
    console.log(`the last answer was settled ${Math.round(Math.max(...behindMs))} ms after the last send, at most`);
    await printStatements(parley, people[0]);
  } finally {
    await rig.stop();
    model.stop();
  }
}

async function allSettled(pool) {
  for (;;) {
    const { rows } = await pool.query('SELECT count(*)::integer AS running FROM answer_runs');
    if (rows[0].running === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function person(rig, parley, n) {
  const token = await rig.token(`person-${n}`);
  const ids = [];
  for (let each = 0; each < conversationsEach; each += 1) {
    ids.push((await ask(parley.url, token, begin)).createConversation.conversation.id);
  }
  return { token, ids };
}

/** Those until the question is stored, and those that its answer takes until it is settled. */
async function printStatements(parley, { token, ids }) {
  await parley.statements();
  await ask(parley.url, token, send, { input: { conversationId: ids[0], content } });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const names = (await parley.statements()).filter((name) => !/lost|removed|deleted|suspect/.test(name));
  const committed = names.indexOf('COMMIT') + 1;
  console.log(`${committed} round trips until it is stored:`, names.slice(0, committed).join(', '));
  console.log(`${names.length - committed} more until it is answered:`, names.slice(committed).join(', '));
}

/** Answers each question at once, in one piece. */
async function startModel() {
  const chunk = (delta, finish_reason = null) =>
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const answer = `${chunk({ content: 'An answer.' })}${chunk({}, 'stop')}data: [DONE]\n\n`;
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'text/event-stream').end(answer));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => server.close().closeAllConnections();
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

/** Bare node:http and pg: lock a header and count, insert two rows, commit. */
export async function serveFloor() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
  pool.on('error', () => {});
  const lock = 'UPDATE floor_headers SET last = last + 2 WHERE id = $1 RETURNING last';
  const insert = 'INSERT INTO floor_messages VALUES ($1, $2::integer - 1, $3), ($1, $2, $4)';
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { id, content: text } = JSON.parse(Buffer.concat(parts).toString());
    const client = await pool.connect();
    await client.query('BEGIN');
    const { rows } = await client.query({ name: 'lock', text: lock, values: [id] });
    await client.query({ name: 'insert', text: insert, values: [id, rows[0].last, text, ''] });
    await client.query('COMMIT');
    client.release();
    response.end(JSON.stringify(rows[0]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    await pool.end();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}
