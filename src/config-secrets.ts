import type { VariableReader } from './config-reader.js';
import type { VariableName } from './config-variables.js';
import type { SigningSecret } from './identity/token.js';
import type { KeyEncryptionKey } from './platform/encryption.js';

const secretBytes = 32;
const name = /^[A-Za-z0-9._-]{1,64}$/;
const newSecret = 'make one with: openssl rand -base64 32';

export function readSigningSecrets(reader: VariableReader, production: boolean): readonly SigningSecret[] | null {
  return (
    readNamed(reader, 'JWT_SECRETS', 'kid:secret', (text, fault) => {
      const secret = Buffer.from(text);
      if (secret.length < secretBytes) return fault(`has fewer than ${secretBytes} bytes`);
      if (production && (isGuessable(secret) || isPlaceholder(text))) return fault('is weak or a placeholder');
      return { secret };
    })?.map(({ name: kid, secret }) => ({ kid, secret })) ?? null
  );
}

export function readEncryptionKeys(reader: VariableReader, production: boolean): readonly KeyEncryptionKey[] | null {
  return (
    readNamed(reader, 'ENCRYPTION_KEYS', 'id:base64', (text, fault) => {
      const key = Buffer.from(text, 'base64');
      const isBase64 = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
      if (!isBase64 || key.length !== secretBytes) return fault(`is not the base64 of exactly ${secretBytes} bytes`);
      if (production && (isGuessable(key) || isTyped(key))) return fault('is weak: these are not random bytes');
      return { key };
    })?.map(({ name: id, key }) => ({ id, key })) ?? null
  );
}

/** Reads `name:secret,name2:secret2`. Faults speak of entries by number: the names may be part of a secret. */
function readNamed<Entry extends object>(
  reader: VariableReader,
  variable: VariableName,
  form: string,
  read: (text: string, fault: (wrong: string) => null) => Entry | null,
): (Entry & { name: string })[] | null {
  const entries = reader.list(variable)?.map((entry, index, all) => {
    const label = all.length > 1 ? `(entry ${index + 1}) ` : '';
    const colon = entry.indexOf(':');
    const given = entry.slice(0, Math.max(colon, 0));
    if (!name.test(given)) {
      return reader.fault(
        variable,
        `${label}is not written ${form}`,
        `put a name of letters, digits, ".", "_" and "-" before the colon`,
      );
    }
    if (all.findIndex((other) => other.startsWith(`${given}:`)) < index) {
      return reader.fault(variable, `${label}has the name of an entry before it`, 'give each a name of its own');
    }
    const value = read(entry.slice(colon + 1), (wrong) => reader.fault(variable, `${label}${wrong}`, newSecret));
    return value && { ...value, name: given };
  });
  return entries ? entries.filter((entry) => entry !== null) : null;
}

/** Few different bytes, one part over and over, or runs such as abcdef: what no random generator gives. */
function isGuessable(bytes: Uint8Array): boolean {
  if (new Set(bytes).size < 10) return true;
  const inRun = bytes.filter((byte, index) => index > 0 && Math.abs(byte - (bytes[index - 1] ?? 0)) <= 1).length;
  if (inRun > bytes.length / 2) return true;
  const half = Math.floor(bytes.length / 2);
  return range(1, half).some((period) => bytes.every((byte, index) => byte === bytes[index % period]));
}

/** Words of six letters and more: shorter ones stand in random base64 by chance. */
function isPlaceholder(text: string): boolean {
  const letters = text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return /secret|password|passw0rd|changeme|changethis|replaceme|replacethis|example|placeholder|insecure|default|development|production|qwerty|123456|abcdef/.test(
    letters,
  );
}

/** All of it can be typed: 32 random bytes are so once in 10^13 times. */
const isTyped = (bytes: Uint8Array) => bytes.every((byte) => byte >= 0x20 && byte < 0x7f);

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
