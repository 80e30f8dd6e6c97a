import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config.js';
import { variables } from '../../../src/config-variables.js';
import { defaultLimits, limitMeanings } from '../../../src/limits.js';
import { blamed, faultsOf, production } from './environments.js';

describe('Configuration with nothing set', () => {
  it('listens on this machine only, embeds what it needs and offers the demo model', () => {
    expect(loadConfig({})).toEqual({
      production: false,
      port: 4000,
      host: '127.0.0.1',
      dataDir: resolve('.parley'),
      databaseUrl: null,
      databasePoolSize: 20,
      keysDatabaseUrl: null,
      redisUrls: null,
      tokens: { secrets: null, jwksUrl: null, issuer: 'parley', audience: 'parley', ownerClaim: 'sub' },
      encryptionKeys: null,
      openai: null,
      models: [],
      demoModel: true,
      defaultModel: 'demo',
      titleModel: null,
      allowedOrigins: [],
      shutdownGraceMs: 20_000,
      migrateAtStart: true,
      retentionDays: null,
      temporaryHours: 24,
      graphiql: true,
      introspection: true,
      limits: defaultLimits,
      quotas: { tokensPerDay: null, costMicroUsdPerDay: null },
      rateLimits: true,
      logLevel: 'info',
    });
  });

  it('takes an empty or blank value as one that is not set', () => {
    expect(loadConfig({ PORT: '', REDIS_URL: '  ', JWT_SECRETS: '', LIMITS: '' })).toEqual(loadConfig({}));
  });
});

describe('Configuration in production', () => {
  it('listens on every address, hides the schema, migrates only when asked and has no demo model', () => {
    const config = loadConfig(production());
    expect(config).toMatchObject({
      production: true,
      host: '0.0.0.0',
      graphiql: false,
      introspection: false,
      migrateAtStart: false,
      demoModel: false,
      defaultModel: 'gpt-5',
      openai: { baseUrl: 'https://api.openai.com/v1', apiKey: 'sk-live' },
    });
    expect(loadConfig({ ...production(), GRAPHIQL: 'on', INTROSPECTION: 'on', MIGRATE: 'on' })).toMatchObject({
      graphiql: true,
      introspection: true,
      migrateAtStart: true,
    });
  });

  it('names everything that is missing at once, each with what to set', () => {
    const faults = faultsOf({ NODE_ENV: 'production' });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'DATABASE_URL',
      'DEFAULT_MODEL',
      'ENCRYPTION_KEYS',
      'JWT_SECRETS',
      'OPENAI_BASE_URL',
    ]);
    for (const fault of faults) expect(fault).toMatch(/^[A-Z_]+ .+; .*set .+\.$/);
    expect(() => loadConfig({ NODE_ENV: 'production' })).toThrow(faults.join('\n'));
  });

  it('takes a JWKS address in place of secrets, but not both', () => {
    const jwks = { JWT_JWKS_URL: 'https://login.example.com/jwks' };
    expect(loadConfig({ ...production(), ...jwks, JWT_SECRETS: '' }).tokens).toMatchObject({
      secrets: null,
      jwksUrl: jwks.JWT_JWKS_URL,
    });
    expect(blamed({ ...production(), ...jwks })).toEqual(['JWT_JWKS_URL']);
  });

  it('refuses the demo model as the default', () => {
    expect(blamed({ ...production(), DEFAULT_MODEL: 'demo' })).toEqual(['DEFAULT_MODEL']);
  });
});

describe('Faults in the configuration', () => {
  it('are all told at once, and none is told twice', () => {
    const env = {
      NODE_ENV: 'prodution',
      PORT: '70000',
      DATABASE_URL: 'mysql://db/parley',
      DATABASE_POOL_SIZE: 'many',
      KEYS_DATABASE_URL: 'postgres://',
      REDIS_URL: 'http://cache',
      JWT_SECRETS: 'a:too short',
      JWT_OWNER_CLAIM: 'name',
      ENCRYPTION_KEYS: 'one:abc',
      OPENAI_BASE_URL: 'localhost:11434',
      MODELS: '[{"id": 1}]',
      ALLOWED_ORIGINS: '*',
      SHUTDOWN_GRACE: '20s',
      MIGRATE: 'yes',
      RETENTION_DAYS: '0',
      TEMPORARY_HOURS: '-1',
      GRAPHIQL: 'true',
      INTROSPECTION: '1',
      LIMITS: '{"sends": 1}',
      RATE_LIMITS: 'none',
      LOG_LEVEL: 'verbose',
      DEFAULT_MODEL: 'one',
    };
    const { DEFAULT_MODEL: _right, ...wrong } = env;
    expect(blamed(env).sort()).toEqual(Object.keys(wrong).sort());
  });

  it('echo no value, since any may be a secret in the wrong place', () => {
    const canary = 'Canary7Zq';
    const forms = [
      canary,
      `a:${canary}`,
      `a:${canary},a:${canary}`,
      `postgres://u:${canary}@/`,
      `redis://:${canary}@/x`,
    ];
    for (const { name } of variables) {
      for (const value of [
        ...forms,
        `["${canary}"]`,
        `{"sendsPerMinute": "${canary}"}`,
        `[{"id": 1, "name": "${canary}"}]`,
      ]) {
        expect(faultsOf({ [name]: value }).join('\n')).not.toContain(canary);
        expect(faultsOf({ ...production(), [name]: value }).join('\n')).not.toContain(canary);
      }
    }
  });

  it('include a model without a server, and a server without a model', () => {
    expect(blamed({ DEFAULT_MODEL: 'llama3.2' })).toEqual(['DEFAULT_MODEL']);
    expect(blamed({ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' })).toEqual(['DEFAULT_MODEL']);
    expect(blamed({ MODELS: '[{"id": "a"}]' })).toEqual(['MODELS']);
  });
});

describe('REDIS_URL', () => {
  it('names one server', () => {
    const url = 'rediss://app:p%40ss@cache.example.com:6380/2';
    expect(loadConfig({ REDIS_URL: url }).redisUrls).toEqual([url]);
  });

  it('names a cluster by several hosts; those without a scheme have that of the first', () => {
    expect(loadConfig({ REDIS_URL: 'rediss://:pw@a:7001,[::1]:7002, rediss://c' }).redisUrls).toEqual([
      'rediss://:pw@a:7001',
      'rediss://[::1]:7002',
      'rediss://c',
    ]);
  });

  it.each(['redis://a/x', 'redis://a,rediss://b', 'redis://a,', 'redis://a/1,b', 'cache:6379'])('is not %s', (url) => {
    expect(blamed({ REDIS_URL: url })).toEqual(['REDIS_URL']);
  });
});

describe('LIMITS', () => {
  it('overrides by name and leaves the rest', () => {
    expect(loadConfig({ LIMITS: '{"pageSize": 10}' }).limits).toEqual({ ...defaultLimits, pageSize: 10 });
  });

  it('sets quotas, too, which are off otherwise', () => {
    expect(loadConfig({}).quotas).toEqual({ tokensPerDay: null, costMicroUsdPerDay: null });
    const { limits, quotas } = loadConfig({ LIMITS: '{"pageSize": 10, "tokensPerDay": 5}' });
    expect(quotas).toEqual({ tokensPerDay: 5, costMicroUsdPerDay: null });
    expect(limits).toEqual({ ...defaultLimits, pageSize: 10 });
  });

  it.each([
    '{"pagesize": 10}',
    '{"pageSize": "10"}',
    '{"pageSize": 0}',
    '{"pageSize": 1.5}',
    '{"tokensPerDay": 0}',
    '{"answerMs": 2147483648}',
    '[]',
    'null',
  ])('refuses %s', (value) => {
    expect(blamed({ LIMITS: value })).toEqual(['LIMITS']);
  });

  it('are what the design says', () => {
    expect(defaultLimits).toMatchObject({
      bodyBytes: 262_144,
      documentTokens: 1500,
      documentDepth: 12,
      documentCost: 5000,
      questionCodeUnits: 32_768,
      answerBytes: 1_048_576,
      answersPerOwner: 3,
    });
    expect(Object.keys(limitMeanings)).toEqual(Object.keys(defaultLimits));
  });
});

describe('ALLOWED_ORIGINS', () => {
  it('holds whole origins', () => {
    const origins = ['https://chat.example.com', 'http://localhost:3000'];
    expect(loadConfig({ ALLOWED_ORIGINS: origins.join(', ') }).allowedOrigins).toEqual(origins);
  });

  it.each(['*', 'chat.example.com', 'https://chat.example.com/', 'https://Chat.example.com', 'null', 'https://a,'])(
    'refuses %s',
    (value) => {
      expect(blamed({ ALLOWED_ORIGINS: value })).toEqual(['ALLOWED_ORIGINS']);
    },
  );
});
