import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../../src/config.js';
import { ConfigError } from '../../../src/config-reader.js';

export const newSecret = () => randomBytes(32).toString('base64');

/** All that production needs. */
export const production = () => ({
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://parley:pw@db.example.com:5432/parley?sslmode=require',
  JWT_SECRETS: `a:${newSecret()},b:${newSecret()}`,
  ENCRYPTION_KEYS: `one:${newSecret()}`,
  OPENAI_API_KEY: 'sk-live',
  DEFAULT_MODEL: 'gpt-5',
});

/** What is wrong with an environment; nothing where it loads. */
export function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** The variable that each fault begins with. */
export const blamed = (env: NodeJS.ProcessEnv) => faultsOf(env).map((fault) => fault.split(' ')[0]);
