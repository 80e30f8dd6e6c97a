/**
 * The operations that the page opens with, one a tab, in the order in which a newcomer runs them. Variables named
 * `messageId` and `conversationId` are filled in from the newest answer (see newest-ids.ts).
 */
export const firstOperations = [
  {
    query: `# Press the triangle (Ctrl-Enter) to run this.
query Viewer {
  viewer {
    id
    email
    roles
  }
  models {
    id
    name
    provider
    isDefault
  }
}
`,
  },
  {
    query: `# Starts a conversation. Its answer is written
# whether or not anyone listens: run this, then
# see it grow in the next tab.
mutation Ask {
  sendMessage(
    input: { content: "What are you, and what do you do?" }
  ) {
    conversation {
      id
      title
    }
    message {
      id
    }
    answer {
      id
      status
      streamCursor
    }
  }
}
`,
  },
  {
    query: `# The newest answer's id stands below by itself.
# Of all events, GraphiQL shows the newest:
# message.content is the text so far.
subscription Watch($messageId: ID!) {
  answer(messageId: $messageId) {
    ... on AnswerDelta {
      offset
      text
      message {
        content
      }
    }
    ... on AnswerFinished {
      message {
        status
        finishReason
        content
      }
    }
  }
}
`,
    variables: variables({ messageId: '' }),
  },
  {
    query: `# The newest page of the conversation. For the page
# before it, put startCursor into "before".
query History(
  $conversationId: ID!
  $before: String
) {
  conversation(id: $conversationId) {
    title
    messageCount
    messages(last: 20, before: $before) {
      nodes {
        id
        role
        status
        content
        createdAt
      }
      pageInfo {
        hasPreviousPage
        startCursor
      }
    }
  }
}
`,
    variables: variables({ conversationId: '', before: null }),
  },
  {
    query: `# Newest activity first. For the next page,
# put endCursor into "after".
query Conversations($after: String) {
  conversations(first: 20, after: $after) {
    nodes {
      id
      title
      preview
      messageCount
      updatedAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
    variables: variables({ after: null }),
  },
];

function variables(values: Record<string, string | null>): string {
  return JSON.stringify(values, null, 2);
}
