import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { UserEntity } from '../identity/user.entity.js';

/** An idempotency key that was used, and what it made; for 30 days, and it outlives what it made. */
@Entity('requests')
@Index('requests_by_age', ['createdAt'])
export class RequestEntity {
  @ForeignKey(() => UserEntity, { onDelete: 'CASCADE', name: 'requests_owner_fkey' })
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'requests_pkey' })
  ownerId!: string;

  /** A keyed hash of the client's key: a key may be anything, a name or an address too. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'requests_pkey' })
  key!: Buffer;

  /** A keyed hash of the mutation's name and its whole input. */
  @Column({ type: 'bytea' })
  fingerprint!: Buffer;

  /** Ids by what they name, e.g. `{"conversation": "…", "message": "…", "answer": "…"}`. */
  @Column({ type: 'jsonb' })
  made!: object;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
