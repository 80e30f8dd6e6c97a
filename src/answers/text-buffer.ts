/** Code units a block: long enough to join cheaply, short enough that cutting one costs nothing. */
const blockLength = 4096;

/**
 * Text that grows at its end and is read from any offset. Appending and reading cost what they add or take, not what is
 * there: one long string would be copied whole on each read after an append. Offsets are UTF-16 code units.
 */
export class TextBuffer {
  private readonly blocks: string[] = [];
  private tail = '';

  get length(): number {
    return this.blocks.length * blockLength + this.tail.length;
  }

  append(text: string): void {
    this.tail += text;
    if (this.tail.length < blockLength) return;
    let start = 0;
    for (; start + blockLength <= this.tail.length; start += blockLength) {
      this.blocks.push(this.tail.slice(start, start + blockLength));
    }
    this.tail = this.tail.slice(start);
  }

  /** The text of [start, end), cut to what is there. */
  slice(start: number, end: number = this.length): string {
    const parts: string[] = [];
    const first = Math.floor(start / blockLength);
    for (let index = first; index * blockLength < end && index <= this.blocks.length; index += 1) {
      const block = this.blocks[index] ?? this.tail;
      const offset = index * blockLength;
      parts.push(block.slice(Math.max(start - offset, 0), end - offset));
    }
    return parts.join('');
  }
}
