import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** A person, known by what their tokens say; everything else in the database belongs to one of these. */
@Entity('users')
@Unique('users_issuer_subject', ['issuer', 'subject'])
@Index('users_with_retention', ['id'], { where: 'retention_days IS NOT NULL' })
export class UserEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'users_pkey' })
  id!: string;

  @Column({ type: 'text' })
  issuer!: string;

  /** The owner claim of the token: `sub`, or `email`. */
  @Column({ type: 'text' })
  subject!: string;

  /** Set first in an erasure: from then on no transaction writes anything of this person's. */
  @Column({ name: 'erasing_at', type: 'timestamptz', precision: 3, nullable: true })
  erasingAt!: Date | null;

  /** Their own days of inactivity after which a conversation is deleted; null: the server's. */
  @Column({ name: 'retention_days', type: 'integer', nullable: true })
  retentionDays!: number | null;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
