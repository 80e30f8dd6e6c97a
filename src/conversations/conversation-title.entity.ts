import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { ConversationEntity } from './conversation.entity.js';

/**
 * What a conversation is found by. In a table of its own: every message moves the conversation's row, and an index of
 * terms that stood there would be written anew each time.
 */
@Entity('conversation_titles')
@ForeignKey(() => ConversationEntity, ['ownerId', 'conversationId'], ['ownerId', 'id'], {
  onDelete: 'CASCADE',
  name: 'conversation_titles_conversation_fkey',
})
@Index('conversation_titles_terms', ['terms'], { type: 'gin' })
export class ConversationTitleEntity {
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'conversation_titles_pkey' })
  ownerId!: string;

  @PrimaryColumn({ name: 'conversation_id', type: 'uuid', primaryKeyConstraintName: 'conversation_titles_pkey' })
  conversationId!: string;

  /** Keyed hashes of the words of the title that is shown and of every beginning of each. */
  @Column({ type: 'bytea', array: true })
  terms!: Buffer[];
}
