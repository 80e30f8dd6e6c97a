import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { MessageEntity } from '../messages/message.entity.js';

/** The one attempt to write an answer. The row stands only while it is written: who holds it holds the pen. */
@Entity('answer_runs')
@ForeignKey(() => MessageEntity, ['ownerId', 'messageId'], ['ownerId', 'id'], {
  onDelete: 'CASCADE',
  name: 'answer_runs_message_fkey',
})
@Index('answer_runs_conversation', ['ownerId', 'conversationId'], { unique: true })
@Index('answer_runs_lease', ['leaseUntil'])
export class AnswerRunEntity {
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'answer_runs_pkey' })
  ownerId!: string;

  @PrimaryColumn({ name: 'message_id', type: 'uuid', primaryKeyConstraintName: 'answer_runs_pkey' })
  messageId!: string;

  @Column({ name: 'conversation_id', type: 'uuid' })
  conversationId!: string;

  @Column({ name: 'run_id', type: 'uuid' })
  runId!: string;

  /** Which instance writes; for people who look. */
  @Column({ type: 'text' })
  instance!: string;

  /** By the database's clock. */
  @Column({ name: 'lease_until', type: 'timestamptz', precision: 3 })
  leaseUntil!: Date;

  /** When somebody first saw the lease expired; a renewal clears it. */
  @Column({ name: 'suspect_since', type: 'timestamptz', precision: 3, nullable: true })
  suspectSince!: Date | null;

  @Column({ name: 'cancel_requested', type: 'boolean' })
  cancelRequested!: boolean;

  /** How many checkpoints hold text. */
  @Column({ type: 'integer' })
  chunks!: number;

  /** How much is durable, in UTF-16 code units. */
  @Column({ name: 'durable_content', type: 'integer' })
  durableContent!: number;

  @Column({ name: 'durable_reasoning', type: 'integer' })
  durableReasoning!: number;

  /** Of whoever asked, as their token said. */
  @Column({ type: 'text', nullable: true })
  department!: string | null;

  /** What the answer may use, by estimate: it is held back from the owner's quotas for as long as this row stands. */
  @Column({ name: 'reserved_prompt_tokens', type: 'integer', default: 0 })
  reservedPromptTokens!: number;

  @Column({ name: 'reserved_completion_tokens', type: 'integer', default: 0 })
  reservedCompletionTokens!: number;

  /** Zero where the model's price is not known. */
  @Column({ name: 'reserved_prompt_micro_usd', type: 'integer', default: 0 })
  reservedPromptMicroUsd!: number;

  @Column({ name: 'reserved_completion_micro_usd', type: 'integer', default: 0 })
  reservedCompletionMicroUsd!: number;
}
