/** The person whose token was presented, as far as the rest of the server needs to know. */
export interface Viewer {
  /** The owner of everything this person has: the UUID of the row in users. */
  readonly id: string;
  /** As the token says; null where it does not. So are the next two. */
  readonly email: string | null;
  readonly department: string | null;
  readonly roles: readonly string[];
  /** When the token ends, in milliseconds since the Unix epoch: a socket is closed then. */
  readonly tokenExpiresAtMs: number;
}
