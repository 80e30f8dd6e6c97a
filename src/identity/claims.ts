import type { JWTPayload } from 'jose';

/** The claim that says who it is. One for the life of a deployment: another would make everyone a stranger. */
export type OwnerClaim = 'sub' | 'email';

/** What a verified token says. */
export interface Claims {
  readonly issuer: string;
  /** The value of the owner claim: `sub` as it is, `email` in lower case and NFC. With the issuer, it is the owner. */
  readonly subject: string;
  /** As the token says; null where it does not. So is `department`, from the claim `dept`. */
  readonly email: string | null;
  readonly department: string | null;
  readonly roles: readonly string[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Why claims cannot be used; the message names the claim and quotes nothing. */
export class UnusableClaims extends Error {
  override readonly name = 'UnusableClaims';
}

const greatestLength = 255;
const greatestRoles = 100;
/** The last instant that a Date can say. */
const greatestSeconds = 8.64e12;

/** Checks the type of each claim that is used, since a verified token is only as careful as whoever signed it. */
export function readClaims(payload: JWTPayload, ownerClaim: OwnerClaim): Claims {
  const subject = readText(payload, 'sub');
  const email = readText(payload, 'email');
  return {
    issuer: required(readText(payload, 'iss'), 'iss'),
    subject: ownerClaim === 'sub' ? required(subject, 'sub') : ownerEmail(payload, email),
    email,
    department: readText(payload, 'dept'),
    roles: readRoles(payload.roles),
    issuedAtMs: readInstant(payload.iat, 'iat'),
    expiresAtMs: readInstant(payload.exp, 'exp'),
  };
}

/** One mailbox, one owner, however the login writes it; an address that nobody proved to be theirs owns nothing. */
function ownerEmail(payload: JWTPayload, email: string | null): string {
  const address = required(email, 'email');
  if (!/^[^@\s]+@[^@\s]+$/.test(address)) throw new UnusableClaims('email is no address');
  if (payload.email_verified === false || payload.email_verified === 'false') {
    throw new UnusableClaims('email_verified is false');
  }
  return address.toLowerCase().normalize('NFC');
}

function readRoles(roles: unknown): readonly string[] {
  if (roles === undefined || roles === null) return [];
  if (!Array.isArray(roles) || roles.length > greatestRoles || !roles.every(isText)) {
    throw new UnusableClaims('roles is no list of names');
  }
  return roles;
}

function readText(payload: JWTPayload, name: string): string | null {
  const value = payload[name];
  if (value === undefined || value === null) return null;
  if (!isText(value)) throw new UnusableClaims(`${name} is no text of 1 to ${greatestLength} characters`);
  return value;
}

/** PostgreSQL would refuse NUL, and turn half a surrogate pair into another character without a word. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  value.length <= greatestLength &&
  value.isWellFormed() &&
  !value.includes('\0');

function required(value: string | null, name: string): string {
  if (value === null) throw new UnusableClaims(`${name} is missing`);
  return value;
}

function readInstant(seconds: unknown, name: string): number {
  if (typeof seconds !== 'number' || !(Math.abs(seconds) <= greatestSeconds)) {
    throw new UnusableClaims(`${name} is no instant`);
  }
  return Math.floor(seconds * 1000);
}
