/** One variable of the environment, for people: the table in the README and `parley --help` are made of these. */
interface VariableDescription {
  readonly name: string;
  readonly meaning: string;
  readonly whenUnset: string;
}

/** Every variable that Parley reads; the reader takes no name that is not here. */
export const variables = [
  { name: 'NODE_ENV', meaning: 'production, development or test', whenUnset: 'development' },
  { name: 'PORT', meaning: 'the port to listen on; 0 takes any that is free', whenUnset: '4000' },
  { name: 'HOST', meaning: 'the address to listen on', whenUnset: '127.0.0.1; 0.0.0.0 in production' },
  {
    name: 'DATA_DIR',
    meaning: 'the folder of the embedded database and of generated secrets',
    whenUnset: '.parley',
  },
  {
    name: 'DATABASE_URL',
    meaning: 'PostgreSQL 15 or newer: postgres://user:password@host:5432/database',
    whenUnset: 'an embedded PostgreSQL; required in production',
  },
  {
    name: 'DATABASE_POOL_SIZE',
    meaning: 'the most connections of one instance for requests; 7 more are for what goes on beside them',
    whenUnset: '20',
  },
  {
    name: 'KEYS_DATABASE_URL',
    meaning: "a PostgreSQL of their own for the owners' keys",
    whenUnset: 'the keys are in the same database',
  },
  {
    name: 'REDIS_URL',
    meaning: 'Redis 7 or newer: redis:// or rediss://; several hosts, with commas between them, are a cluster',
    whenUnset: 'in-process, for one instance',
  },
  {
    name: 'JWT_SECRETS',
    meaning: 'kid:secret,kid2:secret2 for HS256, 32 bytes or more each; the first also signs development tokens',
    whenUnset: 'generated; in production this or JWT_JWKS_URL is required',
  },
  { name: 'JWT_JWKS_URL', meaning: 'where the public keys of your login are, instead of secrets', whenUnset: 'off' },
  { name: 'JWT_ISSUER', meaning: 'what the claim iss of a token must be', whenUnset: 'parley' },
  { name: 'JWT_AUDIENCE', meaning: 'what the claim aud of a token must hold', whenUnset: 'parley' },
  {
    name: 'JWT_OWNER_CLAIM',
    meaning: 'the claim that says who it is, sub or email; one for the life of a deployment',
    whenUnset: 'sub',
  },
  {
    name: 'ENCRYPTION_KEYS',
    meaning: 'id:base64 of 32 bytes,id2:…; the first wraps new keys, all of them unwrap',
    whenUnset: 'generated; required in production',
  },
  {
    name: 'OPENAI_BASE_URL',
    meaning: 'any OpenAI-compatible server: OpenAI, Azure, Ollama, vLLM, …',
    whenUnset: "OpenAI's own with OPENAI_API_KEY, else the demo model only",
  },
  { name: 'OPENAI_API_KEY', meaning: 'the key for that server', whenUnset: 'no key is sent' },
  {
    name: 'MODELS',
    meaning:
      'JSON: [{"id", "name", "provider", "contextTokens", "maxOutputTokens", "inputMicroUsdPerMTok", "outputMicroUsdPerMTok"}]; only id is required',
    whenUnset: 'just DEFAULT_MODEL',
  },
  {
    name: 'DEFAULT_MODEL',
    meaning: 'the id of the model that answers where nothing else is named',
    whenUnset: 'demo; required with OPENAI_… and in production',
  },
  {
    name: 'TITLE_MODEL',
    meaning: 'the id of a model of that server which writes better titles after the first answer',
    whenUnset: "titles are the first question's words",
  },
  {
    name: 'ALLOWED_ORIGINS',
    meaning: 'the origins of browsers, with commas between them, for CORS and the socket',
    whenUnset: 'the same origin only',
  },
  { name: 'SHUTDOWN_GRACE', meaning: 'the seconds that running answers get to finish at a stop', whenUnset: '20' },
  {
    name: 'MIGRATE',
    meaning: 'on applies the migrations at start',
    whenUnset: 'on with the embedded database, else off',
  },
  {
    name: 'RETENTION_DAYS',
    meaning: 'the days of inactivity after which a conversation is deleted; a person may choose fewer',
    whenUnset: 'conversations are kept',
  },
  { name: 'TEMPORARY_HOURS', meaning: 'the hours that a temporary conversation lives', whenUnset: '24' },
  { name: 'GRAPHIQL', meaning: 'on or off: the page at /graphiql', whenUnset: 'on; off in production' },
  { name: 'INTROSPECTION', meaning: 'on or off: queries of the schema itself', whenUnset: 'on; off in production' },
  {
    name: 'LIMITS',
    meaning: 'JSON that overrides limits, and sets quotas, by name, e.g. {"sendsPerMinute": 60}',
    whenUnset: '{}',
  },
  { name: 'RATE_LIMITS', meaning: 'off switches the rates off, for tests and benches; quotas stand', whenUnset: 'on' },
  { name: 'LOG_LEVEL', meaning: 'trace, debug, info, warn, error, fatal or silent', whenUnset: 'info' },
] as const satisfies readonly VariableDescription[];

export type VariableName = (typeof variables)[number]['name'];
