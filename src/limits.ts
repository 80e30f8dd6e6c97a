const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/**
 * Every limit, the same over HTTP and socket. `LIMITS`, a JSON object, overrides them by these names.
 * Bytes of text are those of its UTF-8; code units are those of UTF-16, which is what `String.length` counts.
 */
export const defaultLimits = Object.freeze({
  bodyBytes: 256 * kibibyte,
  bulkBodyBytes: 4 * mebibyte,

  documentBytes: 8 * kibibyte,
  documentTokens: 1500,
  documentDepth: 12,
  documentAliases: 15,
  documentRootFields: 20,
  documentCost: 5000,
  pageSize: 100,
  idsPerRequest: 100,

  questionCodeUnits: 32_768,
  messageBytes: mebibyte,
  metadataBytes: 16 * kibibyte,
  titleCodeUnits: 255,
  systemPromptCodeUnits: 32_768,
  commentCodeUnits: 4096,
  idempotencyKeyCodeUnits: 128,
  searchCodeUnits: 256,
  appendedMessages: 100,
  alternatives: 100,
  answerBytes: mebibyte,
  deltaCodeUnits: 32_768,

  socketFrameBytes: 64 * kibibyte,
  socketInitMs: 3000,
  subscriptionsPerSocket: 50,
  socketsPerOwner: 10,

  answersPerOwner: 3,
  conversationsPerMinute: 60,
  sendsPerMinute: 30,
  searchesPerMinute: 60,

  poolWaitMs: 1000,
  statementMs: 5000,
  lockMs: 2000,
  redisCommandMs: 250,
  firstTokenMs: 30_000,
  betweenTokensMs: 20_000,
  answerMs: 600_000,
});

export type LimitName = keyof typeof defaultLimits;

/** Each limit's value by its name. */
export type Limits = { readonly [Name in LimitName]: number };

/** What one person may use in a day in UTC; null is off. `LIMITS` sets them by these names, too. */
export const defaultQuotas = Object.freeze({ tokensPerDay: null, costMicroUsdPerDay: null });

export type QuotaName = keyof typeof defaultQuotas;

/** Each quota's value by its name; null is off. */
export type Quotas = { readonly [Name in QuotaName]: number | null };

/** What each quota bounds, for people. */
export const quotaMeanings: Readonly<Record<QuotaName, string>> = Object.freeze({
  tokensPerDay: 'the tokens, read and written, that one person uses in a day in UTC',
  costMicroUsdPerDay:
    'what one person costs in a day in UTC, in millionths of a US dollar; models without prices count nothing',
});

/** The most that any limit may be: a timer that is set for longer than this many milliseconds fires at once. */
export const greatestLimit = 2 ** 31 - 1;

/** The longest retention that can be asked for: a hundred years. */
export const greatestRetentionDays = 36_500;

/** What each limit bounds, for people. */
export const limitMeanings: Readonly<Record<LimitName, string>> = Object.freeze({
  bodyBytes: 'the body of a request, in bytes',
  bulkBodyBytes: 'the body of a request that is appendMessages, in bytes',

  documentBytes: 'a GraphQL document, in bytes',
  documentTokens: 'the lexical tokens of a document',
  documentDepth: 'the levels to which the selections of a document nest',
  documentAliases: 'the aliases in a document, those of __typename included',
  documentRootFields: 'the root fields of an operation',
  documentCost: 'the nodes that an operation asks for: first and last multiply what they hold',
  pageSize: 'what first or last may ask for',
  idsPerRequest: 'the ids that nodes or deleteConversations take at once',

  questionCodeUnits: 'the content of a question, in UTF-16 code units',
  messageBytes: 'the content, and the reasoning, of an appended message, in bytes',
  metadataBytes: 'a metadata object, in bytes of its JSON',
  titleCodeUnits: 'the title of a conversation, in UTF-16 code units',
  systemPromptCodeUnits: 'the system prompt of a conversation, in UTF-16 code units',
  commentCodeUnits: 'the comment of a rating, in UTF-16 code units',
  idempotencyKeyCodeUnits: 'an idempotency key, in UTF-16 code units',
  searchCodeUnits: 'the query of a search, in UTF-16 code units',
  appendedMessages: 'the messages of one appendMessages',
  alternatives: 'the messages under one and the same parent',
  answerBytes: 'an answer, in bytes; one that grows past it ends FAILED with ANSWER_TOO_LONG',
  deltaCodeUnits: 'the text of one delta, in UTF-16 code units; the rest comes in the next',

  socketFrameBytes: 'one message from a client on a socket, in bytes',
  socketInitMs: 'from the opening of a socket to its connection_init, in milliseconds',
  subscriptionsPerSocket: 'the subscriptions that are open on one socket',
  socketsPerOwner: 'the sockets that are open for one person on one instance',

  answersPerOwner: 'the answers that are being written for one person',
  conversationsPerMinute: 'the conversations that one person creates in a minute',
  sendsPerMinute: 'the questions that one person sends in a minute',
  searchesPerMinute: 'the searches of one person in a minute',

  poolWaitMs: 'the wait for a database connection, in milliseconds',
  statementMs: 'one statement of the database, in milliseconds',
  lockMs: 'the wait for a lock of the database, in milliseconds',
  redisCommandMs: 'one command of Redis, in milliseconds',
  firstTokenMs: 'from the call of the model to its first token, in milliseconds',
  betweenTokensMs: 'from one token of the model to the next, in milliseconds',
  answerMs: 'the writing of one answer, in milliseconds',
});
