import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { UserEntity } from '../identity/user.entity.js';

/** The header of a conversation: what a list shows, and the counters that every change takes under this row's lock. */
@Entity('conversations')
@Index('conversations_by_activity', ['ownerId', 'archived', 'updatedAt', 'id'], {
  where: 'deleted_at IS NULL AND expires_at IS NULL',
})
@Index('conversations_pinned', ['ownerId', 'archived', 'updatedAt', 'id'], {
  where: 'pinned AND deleted_at IS NULL AND expires_at IS NULL',
})
@Index('conversations_expiring', ['expiresAt', 'ownerId', 'id'], {
  where: 'deleted_at IS NULL AND expires_at IS NOT NULL',
})
@Index('conversations_deleted', ['deletedAt'], { where: 'deleted_at IS NOT NULL' })
export class ConversationEntity {
  @ForeignKey(() => UserEntity, { onDelete: 'CASCADE', name: 'conversations_owner_fkey' })
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'conversations_pkey' })
  ownerId!: string;

  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'conversations_pkey' })
  id!: string;

  /** The person's own title; null where they gave none. */
  @Column({ name: 'sealed_title', type: 'bytea', nullable: true })
  sealedTitle!: Buffer | null;

  /** Made from the first message, or by a model after the first answer; null while there is none. */
  @Column({ name: 'sealed_automatic_title', type: 'bytea', nullable: true })
  sealedAutomaticTitle!: Buffer | null;

  /** Did a model write the automatic title? It does so once. */
  @Column({ name: 'titled_by_model', type: 'boolean', default: false })
  titledByModel!: boolean;

  /** The answer that the model made the title of, with the question before it; null where no model did. */
  @Column({ name: 'title_answer_id', type: 'uuid', nullable: true })
  titleAnswerId!: string | null;

  @Column({ name: 'sealed_system_prompt', type: 'bytea', nullable: true })
  sealedSystemPrompt!: Buffer | null;

  @Column({ name: 'sealed_metadata', type: 'bytea', nullable: true })
  sealedMetadata!: Buffer | null;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  @Column({ type: 'boolean' })
  pinned!: boolean;

  @Column({ type: 'boolean' })
  archived!: boolean;

  /** The conversation's change counter. */
  @Column({ type: 'integer' })
  revision!: number;

  /** The revision at which another branch became visible last. */
  @Column({ name: 'branch_revision', type: 'integer' })
  branchRevision!: number;

  /** The highest position given so far, on any branch. */
  @Column({ name: 'last_position', type: 'integer' })
  lastPosition!: number;

  /** The newest message of the visible branch, and where it stands; null (0) while there is none. */
  @Column({ name: 'leaf_id', type: 'uuid', nullable: true })
  leafId!: string | null;

  @Column({ name: 'leaf_position', type: 'integer' })
  leafPosition!: number;

  @Column({ name: 'leaf_segment', type: 'integer' })
  leafSegment!: number;

  /** Messages on the visible branch: the leaf's depth. */
  @Column({ name: 'message_count', type: 'integer' })
  messageCount!: number;

  /** Sums over its finished answers of what was reported. */
  @Column({ name: 'used_answers', type: 'integer', default: 0 })
  usedAnswers!: number;

  @Column({ name: 'used_prompt_tokens', type: 'bigint', default: 0 })
  usedPromptTokens!: number;

  @Column({ name: 'used_completion_tokens', type: 'bigint', default: 0 })
  usedCompletionTokens!: number;

  @Column({ name: 'used_cost_micro_usd', type: 'bigint', default: 0 })
  usedCostMicroUsd!: number;

  /** Answers for which at least one of the three was not reported. */
  @Column({ name: 'unreported_answers', type: 'integer', default: 0 })
  unreportedAnswers!: number;

  /** Of all its messages, on every branch: what a prompt of it may come to. */
  @Column({ name: 'token_estimate', type: 'bigint', default: 0 })
  tokenEstimate!: number;

  /** From this moment on it reads as not there; its rows are removed in batches. */
  @Column({ name: 'deleted_at', type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;

  /** Of a temporary one, which no list shows: from this moment on it reads as not there. Null: it is kept. */
  @Column({ name: 'expires_at', type: 'timestamptz', precision: 3, nullable: true })
  expiresAt!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt!: Date;
}
