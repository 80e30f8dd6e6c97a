import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { UserEntity } from '../identity/user.entity.js';

/** What a person's answers of one model used on one day. It outlives the conversations: what was used stays used. */
@Entity('usage_days')
@Index('usage_days_by_day', ['day'])
export class UsageDayEntity {
  @ForeignKey(() => UserEntity, { onDelete: 'CASCADE', name: 'usage_days_owner_fkey' })
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'usage_days_pkey' })
  ownerId!: string;

  /** In UTC, by the database's clock. */
  @PrimaryColumn({ type: 'date', primaryKeyConstraintName: 'usage_days_pkey' })
  day!: string;

  /** Empty for answers without one: a key holds no null. So is the department. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'usage_days_pkey' })
  model!: string;

  /** As the token said when the answer was asked for. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'usage_days_pkey' })
  department!: string;

  @Column({ type: 'integer' })
  answers!: number;

  /** Sums of what was reported. */
  @Column({ name: 'prompt_tokens', type: 'bigint' })
  promptTokens!: number;

  @Column({ name: 'completion_tokens', type: 'bigint' })
  completionTokens!: number;

  @Column({ name: 'cost_micro_usd', type: 'bigint' })
  costMicroUsd!: number;

  /** Answers for which at least one of the three was not reported. */
  @Column({ name: 'unreported_answers', type: 'integer' })
  unreportedAnswers!: number;

  /** What was not reported, by estimate: it counts in quotas, and is shown to nobody. */
  @Column({ name: 'estimated_tokens', type: 'bigint' })
  estimatedTokens!: number;

  @Column({ name: 'estimated_cost_micro_usd', type: 'bigint' })
  estimatedCostMicroUsd!: number;
}
