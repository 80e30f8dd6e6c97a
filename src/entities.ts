import { AnswerChunkEntity } from './answers/answer-chunk.entity.js';
import { AnswerRunEntity } from './answers/answer-run.entity.js';
import { AuditEventEntity } from './audit/audit-event.entity.js';
import { ConversationEntity } from './conversations/conversation.entity.js';
import { ConversationTitleEntity } from './conversations/conversation-title.entity.js';
import { RequestEntity } from './conversations/request.entity.js';
import { DataKeyEntity } from './identity/data-key.entity.js';
import { UserEntity } from './identity/user.entity.js';
import { MessageEntity } from './messages/message.entity.js';
import { SegmentEntity } from './messages/segment.entity.js';
import { UsageDayEntity } from './usage/usage-day.entity.js';

/** Every table there is, owners before what is theirs. */
export const entities = [
  UserEntity,
  DataKeyEntity,
  ConversationEntity,
  ConversationTitleEntity,
  RequestEntity,
  SegmentEntity,
  MessageEntity,
  AnswerRunEntity,
  AnswerChunkEntity,
  AuditEventEntity,
  UsageDayEntity,
];
