/** A message as the tree of it that a test keeps knows it. */
export interface TreeNode {
  readonly id: string;
  readonly parent: TreeNode | null;
  readonly role: string;
  /** In the order in which the messages were made. */
  readonly position: number;
  erased: boolean;
}

/** What a conversation must be, by what was asked of it one after the other, by parents alone. */
export class MessageTree {
  readonly nodes: TreeNode[] = [];
  private leaf: TreeNode | null = null;

  /** The visible branch, oldest first. */
  get branch(): readonly TreeNode[] {
    return pathTo(this.leaf);
  }

  /** Messages that follow one another, after `parent`; null begins the conversation anew. The branch ends there then. */
  add(parent: TreeNode | null, ...messages: readonly { readonly id: string; readonly role: string }[]): void {
    let above = parent;
    for (const { id, role } of messages) {
      above = { id, role, parent: above, position: this.nodes.length + 1, erased: false };
      this.nodes.push(above);
    }
    this.leaf = above;
  }

  get end(): TreeNode | null {
    return this.leaf;
  }

  select(node: TreeNode): void {
    this.leaf = this.nodes.findLast((one) => pathTo(one).includes(node)) ?? null;
  }

  siblingsOf(node: TreeNode): readonly TreeNode[] {
    return this.nodes.filter(({ parent }) => parent === node.parent);
  }
}

function pathTo(node: TreeNode | null): TreeNode[] {
  const path: TreeNode[] = [];
  for (let at = node; at; at = at.parent) path.unshift(at);
  return path;
}
