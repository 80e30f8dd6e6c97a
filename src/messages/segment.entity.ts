import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { ConversationEntity } from '../conversations/conversation.entity.js';

/**
 * Messages that follow one another with no fork before them. Visibility is kept here, never on messages, so that a
 * switch of branch touches the segments between two branches and not what they hold.
 */
@Entity('segments')
@ForeignKey(() => ConversationEntity, ['ownerId', 'conversationId'], ['ownerId', 'id'], {
  onDelete: 'CASCADE',
  name: 'segments_conversation_fkey',
})
@Index('segments_visible', ['ownerId', 'conversationId', 'firstPosition'], { where: 'visible_to IS NOT NULL' })
@Index('segments_by_parent', ['ownerId', 'conversationId', 'parentSegment', 'forkPosition'])
export class SegmentEntity {
  @PrimaryColumn({ name: 'owner_id', type: 'uuid', primaryKeyConstraintName: 'segments_pkey' })
  ownerId!: string;

  @PrimaryColumn({ name: 'conversation_id', type: 'uuid', primaryKeyConstraintName: 'segments_pkey' })
  conversationId!: string;

  /** The position of its first message, which is its name within the conversation. */
  @PrimaryColumn({ name: 'first_position', type: 'integer', primaryKeyConstraintName: 'segments_pkey' })
  firstPosition!: number;

  /** The segment it forks from, and the position after which; both null where it begins the conversation. */
  @Column({ name: 'parent_segment', type: 'integer', nullable: true })
  parentSegment!: number | null;

  @Column({ name: 'fork_position', type: 'integer', nullable: true })
  forkPosition!: number | null;

  /** Null: hidden; a position: visible up to it, where the visible branch forks off; the largest integer: open. */
  @Column({ name: 'visible_to', type: 'integer', nullable: true })
  visibleTo!: number | null;
}
