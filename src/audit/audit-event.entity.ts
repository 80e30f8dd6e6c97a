import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * Something that was done, and cannot be taken back: the database refuses to change or delete a row. It names its owner
 * by a pseudonym alone, and stays when they are erased, so no foreign key joins it to the users.
 */
@Entity('audit_events')
@Index('audit_events_by_id', ['chain', 'id'], { unique: true })
export class AuditEventEntity {
  /** The owner's pseudonym. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'audit_events_pkey' })
  chain!: Buffer;

  /** 1, 2, 3 … in its chain. */
  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'audit_events_pkey' })
  number!: string;

  @Column({ type: 'uuid' })
  id!: string;

  /** By the database's clock, behind the lock of the chain: it never goes back in one. */
  @Column({ type: 'timestamptz', precision: 3 })
  at!: Date;

  /** For example `retention.expire`. */
  @Column({ type: 'text' })
  action!: string;

  /** A public id; null where it is about nothing that has one. */
  @Column({ name: 'target_id', type: 'text', nullable: true })
  targetId!: string | null;

  /** Counts and public ids, never texts. */
  @Column({ type: 'jsonb' })
  details!: object;

  /** The hash of the row before it; null in the first. */
  @Column({ name: 'previous_hash', type: 'bytea', nullable: true })
  previousHash!: Buffer | null;

  /** Over all other columns, see `audit-chain.ts`. */
  @Column({ type: 'bytea' })
  hash!: Buffer;
}
