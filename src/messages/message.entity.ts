import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { ConversationEntity } from '../conversations/conversation.entity.js';

/** One node of a conversation's tree; immutable once final, but for rating and erasure. */
@Entity('messages')
@ForeignKey(() => ConversationEntity, ['ownerId', 'conversationId'], ['ownerId', 'id'], {
  onDelete: 'CASCADE',
  name: 'messages_conversation_fkey',
})
@Index('messages_position', ['ownerId', 'conversationId', 'position'], { unique: true })
@Index('messages_by_segment', ['ownerId', 'conversationId', 'segment', 'position'])
@Index('messages_by_revision', ['ownerId', 'conversationId', 'revision', 'position'])
@Index('messages_by_parent', ['ownerId', 'conversationId', 'parentId'])
@Index('messages_terms', ['terms'], { type: 'gin' })
@Check('messages_role_check', `role IN ('SYSTEM', 'USER', 'ASSISTANT', 'TOOL')`)
@Check('messages_status_check', `status IN ('STREAMING', 'COMPLETE', 'CANCELLED', 'INTERRUPTED', 'FAILED')`)
@Check('messages_rating_check', `rating IN ('UP', 'DOWN')`)
export class MessageEntity {
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'messages_pkey' })
  ownerId!: string;

  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'messages_pkey' })
  id!: string;

  @Column({ name: 'conversation_id', type: 'uuid' })
  conversationId!: string;

  @Column({ name: 'parent_id', type: 'uuid', nullable: true })
  parentId!: string | null;

  /** The first position of its segment. */
  @Column({ type: 'integer' })
  segment!: number;

  /** Its place in the conversation: 1, 2, 3 …, given once. */
  @Column({ type: 'integer' })
  position!: number;

  /** How many messages lead to it, itself included. */
  @Column({ type: 'integer' })
  depth!: number;

  /** The conversation's revision at which it changed last. */
  @Column({ type: 'integer' })
  revision!: number;

  @Column({ type: 'text' })
  role!: string;

  @Column({ type: 'text' })
  status!: string;

  /** Null is the empty text: an answer that has none yet. */
  @Column({ name: 'sealed_content', type: 'bytea', nullable: true })
  sealedContent!: Buffer | null;

  @Column({ name: 'sealed_reasoning', type: 'bytea', nullable: true })
  sealedReasoning!: Buffer | null;

  @Column({ name: 'sealed_metadata', type: 'bytea', nullable: true })
  sealedMetadata!: Buffer | null;

  @Column({ name: 'sealed_idempotency_key', type: 'bytea', nullable: true })
  sealedIdempotencyKey!: Buffer | null;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  /** UTF-8 bytes of the content divided by three: what the model's context is chosen by. */
  @Column({ name: 'token_estimate', type: 'integer' })
  tokenEstimate!: number;

  @Column({ name: 'finish_reason', type: 'text', nullable: true })
  finishReason!: string | null;

  @Column({ name: 'error_code', type: 'text', nullable: true })
  errorCode!: string | null;

  @Column({ name: 'error_message', type: 'text', nullable: true })
  errorMessage!: string | null;

  @Column({ name: 'error_retryable', type: 'boolean', nullable: true })
  errorRetryable!: boolean | null;

  @Column({ name: 'prompt_tokens', type: 'integer', nullable: true })
  promptTokens!: number | null;

  @Column({ name: 'completion_tokens', type: 'integer', nullable: true })
  completionTokens!: number | null;

  @Column({ name: 'cost_micro_usd', type: 'integer', nullable: true })
  costMicroUsd!: number | null;

  @Column({ name: 'first_token_ms', type: 'integer', nullable: true })
  firstTokenMs!: number | null;

  @Column({ name: 'latency_ms', type: 'integer', nullable: true })
  latencyMs!: number | null;

  @Column({ type: 'text', nullable: true })
  rating!: string | null;

  @Column({ name: 'sealed_rating_comment', type: 'bytea', nullable: true })
  sealedRatingComment!: Buffer | null;

  /** Keyed hashes of the words of its content; null where it is not to be found, and for an answer until it is final. */
  @Column({ type: 'bigint', array: true, nullable: true })
  terms!: string[] | null;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'completed_at', type: 'timestamptz', precision: 3, nullable: true })
  completedAt!: Date | null;

  /** When its text was taken back; the sealed columns are null then. */
  @Column({ name: 'erased_at', type: 'timestamptz', precision: 3, nullable: true })
  erasedAt!: Date | null;
}
