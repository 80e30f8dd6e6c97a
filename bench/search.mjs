// What a search costs an owner of 100,000 messages: 20 messages read by their key with one named statement are the floor.
import { createServer } from 'node:http';
import { ask, built, printMachine, quantile, startRig, took } from './rig.mjs';

const { newId } = await built('platform/ids.js');
const { ConfiguredKeyEncryption, OwnerKeys } = await built('platform/encryption.js');
const { beginningTerm, messageTerm } = await built('messages/message-terms.js');
const { messagePlace } = await built('messages/message-texts.js');
const { findableWords } = await built('platform/words.js');

const perConversation = 100;

/** Words as often as in a language: the nth is as rare as n. */
const vocabulary = Array.from({ length: 30_000 }, (_, n) => `${syllables(n)}`);
function syllables(n) {
  const parts = ['ba', 'ce', 'di', 'fo', 'gu', 'ha', 'je', 'ki', 'lo', 'mu', 'na', 'pe', 'ri', 'so', 'tu'];
  let word = '';
  for (let rest = n + 15; rest > 0; rest = Math.floor(rest / 15)) word += parts[rest % 15];
  return word;
}
const someWord = () => vocabulary[Math.floor(Math.exp(Math.random() * Math.log(vocabulary.length)))] ?? 'ba';

async function plant({ pool, key }, asked, length, wordsEach) {
  const { viewer } = await asked('{ viewer { id } }');
  const owner = viewer.id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const { rows } = await pool.query('SELECT key_id, kek_id, wrapped FROM keys.data_keys WHERE user_id = $1', [owner]);
  const encryption = new ConfiguredKeyEncryption([{ id: 'bench', key }]);
  const keys = new OwnerKeys(owner, [await encryption.unwrap(owner, rows[0].key_id, rows[0].kek_id, rows[0].wrapped)]);
  const known = new Map();
  const make = (word) => [messageTerm(keys, word), beginningTerm(keys, word)].filter((term) => term !== null);
  const termsOf = (word) => known.get(word) ?? known.set(word, make(word)).get(word);
  const startMs = Date.now() - length * 1000;
  // Built at once it is made much faster than row by row.
  await pool.query('DROP INDEX messages_terms');
  for (let done = 0; done < length; done += perConversation) {
    const conversation = newId(startMs + done * 1000);
    const messages = Array.from({ length: perConversation }, (_, n) => {
      const id = newId(startMs + (done + n) * 1000);
      const words = Array.from({ length: wordsEach }, someWord);
      // Known frequencies: one in five, one in a thousand, and five in all.
      if ((done + n) % 5 === 0) words.push('frequent');
      if ((done + n) % 1000 === 0) words.push('seldom');
      if ((done + n) % (length / 5) === 7) words.push('rarest');
      const text = `${words.join(' ')}. An end — with “marks”.`;
      const terms = [...new Set(findableWords(text).flatMap(termsOf))].sort();
      return { id, position: n + 1, sealed: keys.seal(messagePlace(id, 'content'), text), terms: `{${terms}}` };
    });
    await pool.query(
      `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position, leaf_id,
         leaf_position, leaf_segment, message_count, created_at, updated_at)
       VALUES ($1, $2, false, false, $3, 0, $3, $4, $3, 1, $3, now(), now())`,
      [owner, conversation, perConversation, messages.at(-1).id],
    );
    await pool.query('INSERT INTO segments VALUES ($1, $2, 1, NULL, NULL, 2147483647)', [owner, conversation]);
    await pool.query(
      `INSERT INTO messages (owner_id, conversation_id, id, segment, position, depth, revision, role, status,
         sealed_content, terms, token_estimate, created_at, completed_at)
       SELECT $1, $2, id, 1, position, position, position, 'USER', 'COMPLETE', sealed, terms::bigint[], 1, now(), now()
       FROM unnest($3::uuid[], $4::integer[], $5::bytea[], $6::text[]) AS planted (id, position, sealed, terms)`,
      [
        ...[owner, conversation, messages.map(({ id }) => id), messages.map(({ position }) => position)],
        ...[messages.map(({ sealed }) => sealed), messages.map(({ terms }) => terms)],
      ],
    );
  }
  await pool.query('CREATE INDEX messages_terms ON messages USING gin (terms) WITH (fastupdate = off)');
  await pool.query('VACUUM (ANALYZE) messages, conversations, segments');
  return owner;
}

async function startFloor(pool, owner) {
  const text = `SELECT id, encode(sealed_content, 'base64') AS content FROM messages
    WHERE owner_id = $1 ORDER BY id DESC LIMIT 20`;
  const server = createServer(async (_, response) => {
    const { rows } = await pool.query({ name: 'floor', text, values: [owner] });
    response.end(JSON.stringify(rows));
  });
  await new Promise((resolve) => server.listen(0, resolve));
  const address = `http://127.0.0.1:${server.address().port}`;
  return { server, read: async () => (await fetch(address)).json() };
}

const search = `query ($query: String!, $after: String) { search(query: $query, after: $after) {
  complete pageInfo { hasNextPage endCursor } edges { cursor snippet highlights { start end } node { id content } }
} }`;

const floorName = 'floor: 20 messages by key';
const searches = {
  'a frequent word': { query: 'frequent ' },
  'a seldom word': { query: 'seldom ' },
  'a rare word': { query: 'rarest ' },
  'a word that nobody said': { query: 'nowhere ' },
  'two words': { query: 'frequent seldom ' },
  'an unfinished frequent word': { query: 'freq' },
  'three letters of a seldom word': { query: 'sel' },
  'an unfinished seldom word': { query: 'seld' },
  'an unfinished rare word': { query: 'rares' },
  'a rare word without a blank': { query: 'rarest' },
  'an unfinished word that nobody said': { query: 'nowh' },
  'one that begins as many do': { query: 'bacezz' },
  'an unfinished word beside a whole one': { query: 'seldom freq' },
};

export async function bench({ messages: length = 100_000, words: wordsEach = 150, rounds = 60 }) {
  printMachine();
  const rig = await startRig({ durable: false });
  try {
    const parley = await rig.serve('parley');
    const token = await rig.token('ada');
    const asked = (query, variables) => ask(parley.url, token, query, variables);
    const planting = await took(() => plant(rig, asked, length, wordsEach));
    await printSizes(rig.pool, length, planting.ms);
    const floor = await startFloor(rig.pool, planting.result);
    await measure(floor, asked, rounds);
    floor.server.closeAllConnections();
    floor.server.close();
  } finally {
    await rig.stop();
  }
}

async function printSizes(pool, length, ms) {
  const { rows } = await pool.query(`SELECT pg_size_pretty(pg_relation_size('messages')) AS heap,
    pg_size_pretty(pg_table_size('messages')) AS heap_and_toast, pg_size_pretty(pg_relation_size('messages_terms')) AS terms,
    (SELECT round(avg(cardinality(terms))) FROM messages) AS terms_each FROM (SELECT) AS one`);
  console.log(`${length} messages planted in ${Math.round(ms / 1000)} s`, rows[0]);
}

async function measure(floor, asked, rounds) {
  const times = new Map([[floorName, []], ...Object.keys(searches).map((name) => [name, []])]);
  const told = new Map();
  for (let round = 0; round < rounds; round++) {
    times.get(floorName).push((await took(floor.read)).ms);
    for (const [name, variables] of Object.entries(searches)) {
      const { ms, result } = await took(() => asked(search, variables));
      times.get(name).push(ms);
      told.set(name, { hits: result.search.edges.length, complete: result.search.complete });
    }
  }
  const floorMs = quantile(times.get(floorName), 0.5);
  const rows = [...times].map(([name, values]) => {
    const p50 = quantile(values, 0.5);
    const ms = { 'p50 ms': p50.toFixed(1), 'p95 ms': quantile(values, 0.95).toFixed(1) };
    return [name, { ...ms, '× floor': (p50 / floorMs).toFixed(1), ...told.get(name) }];
  });
  console.table(Object.fromEntries(rows));
}
