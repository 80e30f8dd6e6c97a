import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { dataIntegrity } from '../errors.js';
import { KeyedHash } from './keyed-hash.js';

/** Where a sealed text belongs: it opens nowhere else. */
export interface Place {
  readonly table: string;
  readonly row: string;
  readonly column: string;
}

const algorithm = 'aes-256-gcm';
const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = 1 + 4 + nonceBytes;

/** A data key as it came out of its wrapping. */
export interface DataKey {
  readonly id: number;
  readonly key: Buffer;
}

/**
 * One owner's opened keys. Sealed form: version (1 byte), key id (4 bytes), nonce (12), AES-256-GCM ciphertext, tag (16);
 * the additional data binds version, owner, table, row and column. HKDF-SHA256 (RFC 5869) gives each use a key of its own.
 */
export class OwnerKeys {
  /** As objects: of bytes each call would make one anew, which costs as much as opening a text does. */
  private readonly contentKeys = new Map<number, KeyObject>();
  private readonly currentId: number;
  private readonly terms: KeyedHash;
  private readonly fingerprints: KeyedHash;
  private readonly cursors: KeyedHash;
  private readonly pseudonyms: KeyedHash;

  /** `keys` ascending by id: the last seals, all open; the first gives what must never change: terms, fingerprints, cursors, the pseudonym. */
  constructor(
    readonly ownerId: string,
    keys: readonly DataKey[],
  ) {
    const first = keys[0];
    const last = keys.at(-1);
    if (!first || !last) throw dataIntegrity();
    for (const { id, key } of keys) this.contentKeys.set(id, createSecretKey(derive(key, 'content')));
    this.currentId = last.id;
    this.terms = new KeyedHash(derive(first.key, 'terms'));
    this.fingerprints = new KeyedHash(derive(first.key, 'fingerprint'));
    this.cursors = new KeyedHash(derive(first.key, 'cursor'));
    this.pseudonyms = new KeyedHash(derive(first.key, 'pseudonym'));
  }

  seal(place: Place, text: string): Buffer {
    const header = Buffer.allocUnsafe(headerBytes);
    header.writeUInt8(version, 0);
    header.writeUInt32BE(this.currentId, 1);
    randomBytes(nonceBytes).copy(header, 5);
    const cipher = createCipheriv(algorithm, this.contentKey(this.currentId), header.subarray(5), {
      authTagLength: tagBytes,
    });
    cipher.setAAD(this.additionalData(place));
    return Buffer.concat([header, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws DATA_INTEGRITY where a bit was flipped, the text was moved or cut, or its key is gone. */
  open(place: Place, sealed: Buffer): string {
    try {
      if (sealed.length < headerBytes + tagBytes || sealed.readUInt8(0) !== version) throw dataIntegrity();
      const key = this.contentKey(sealed.readUInt32BE(1));
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(5, headerBytes), { authTagLength: tagBytes });
      decipher.setAAD(this.additionalData(place));
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      return decipher.update(sealed.subarray(headerBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
    } catch (error) {
      throw dataIntegrity(error);
    }
  }

  /** The 8 bytes that stand for a word in an index. */
  term(word: string): Buffer {
    return this.terms.digest(word).subarray(0, 8);
  }

  /** 32 bytes that tell whether two texts are the same, and nothing else. */
  fingerprint(text: string): Buffer {
    return this.fingerprints.digest(text);
  }

  /** 8 bytes that prove a cursor was made here, for this owner. */
  cursorMac(text: string): Buffer {
    return this.cursors.digest(text).subarray(0, 8);
  }

  /** 32 bytes that stand for the owner where rows outlive them: with their key gone, nobody can tell whose it was. */
  get pseudonym(): Buffer {
    return this.pseudonyms.digest(this.ownerId);
  }

  private contentKey(id: number): KeyObject {
    const key = this.contentKeys.get(id);
    if (!key) throw dataIntegrity();
    return key;
  }

  private additionalData({ table, row, column }: Place): Buffer {
    return Buffer.from(`parley\n${version}\n${this.ownerId}\n${table}\n${row}\n${column}`);
  }
}

/** Wraps and unwraps data keys; the environment's keys today, a key management service behind the same port later. */
export interface KeyEncryption {
  wrap(ownerId: string, dataKey: DataKey): Promise<{ readonly kekId: string; readonly wrapped: Buffer }>;
  unwrap(ownerId: string, keyId: number, kekId: string, wrapped: Buffer): Promise<DataKey>;
}

/** 32 bytes, and the id that is stored with what they wrap; ids are public. */
export interface KeyEncryptionKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Key-encryption keys from the configuration: the first wraps, all unwrap. */
export class ConfiguredKeyEncryption implements KeyEncryption {
  constructor(private readonly keys: readonly KeyEncryptionKey[]) {
    if (keys.length === 0) throw new Error('There is no key-encryption key.');
  }

  async wrap(ownerId: string, dataKey: DataKey) {
    const [kek] = this.keys;
    if (!kek) throw dataIntegrity();
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, kek.key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(wrapData(kek.id, ownerId, dataKey.id));
    const wrapped = Buffer.concat([nonce, cipher.update(dataKey.key), cipher.final(), cipher.getAuthTag()]);
    return { kekId: kek.id, wrapped };
  }

  async unwrap(ownerId: string, keyId: number, kekId: string, wrapped: Buffer): Promise<DataKey> {
    const kek = this.keys.find(({ id }) => id === kekId);
    if (!kek || wrapped.length !== nonceBytes + 32 + tagBytes) throw dataIntegrity();
    try {
      const decipher = createDecipheriv(algorithm, kek.key, wrapped.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(wrapData(kekId, ownerId, keyId));
      decipher.setAuthTag(wrapped.subarray(-tagBytes));
      const key = Buffer.concat([decipher.update(wrapped.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      return { id: keyId, key };
    } catch (error) {
      throw dataIntegrity(error);
    }
  }
}

export function newDataKey(id: number): DataKey {
  return { id, key: randomBytes(32) };
}

/** Compares two byte strings in time that tells nothing of where they differ. */
export function sameBytes(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

const derive = (key: Buffer, use: string) => Buffer.from(hkdfSync('sha256', key, '', `parley/${use}/v1`, 32));

const wrapData = (kekId: string, ownerId: string, keyId: number) =>
  Buffer.from(`parley\nwrap\n${version}\n${kekId}\n${ownerId}\n${keyId}`);
