import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A checkpoint: the text that an answer gained since the one before. Gone once the answer is final. */
@Entity('answer_chunks')
export class AnswerChunkEntity {
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'answer_chunks_pkey' })
  ownerId!: string;

  @PrimaryColumn({ name: 'message_id', type: 'uuid', primaryKeyConstraintName: 'answer_chunks_pkey' })
  messageId!: string;

  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'answer_chunks_pkey' })
  number!: number;

  /** Where its text begins, in UTF-16 code units of content and of reasoning. */
  @Column({ name: 'content_offset', type: 'integer' })
  contentOffset!: number;

  @Column({ name: 'reasoning_offset', type: 'integer' })
  reasoningOffset!: number;

  /** A JSON pair: the content and the reasoning that were added. */
  @Column({ type: 'bytea' })
  sealed!: Buffer;
}
