import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * An owner's data key, wrapped. In a schema of its own, so that a logical dump can leave it out; it may stand in
 * another database altogether, which is why no foreign key joins it to the users.
 */
@Entity({ schema: 'keys', name: 'data_keys' })
@Index('data_keys_by_kek', ['kekId', 'userId', 'keyId'])
export class DataKeyEntity {
  @PrimaryColumn({ name: 'user_id', type: 'uuid', primaryKeyConstraintName: 'data_keys_pkey' })
  userId!: string;

  /** 1, 2, 3 … for an owner: the highest seals, all open. */
  @PrimaryColumn({ name: 'key_id', type: 'integer', primaryKeyConstraintName: 'data_keys_pkey' })
  keyId!: number;

  /** Which key-encryption key wrapped it. */
  @Column({ name: 'kek_id', type: 'text' })
  kekId!: string;

  @Column({ type: 'bytea' })
  wrapped!: Buffer;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
