const FIRST_BYTES = 1024;

/**
 * Bytes that arrive in parts of any size, kept in one piece of memory that grows by doubling: many small parts cost no
 * more than their bytes. `take` gives what was collected and begins anew.
 */
export class ByteBuffer {
  private memory = Buffer.alloc(0);
  private used = 0;

  get length(): number {
    return this.used;
  }

  append(part: Uint8Array): void {
    const needed = this.used + part.byteLength;
    if (needed > this.memory.length) {
      const grown = Buffer.allocUnsafe(Math.max(FIRST_BYTES, needed, this.memory.length * 2));
      this.memory.copy(grown, 0, 0, this.used);
      this.memory = grown;
    }
    this.memory.set(part, this.used);
    this.used = needed;
  }

  take(): Buffer {
    const taken = this.memory.subarray(0, this.used);
    this.memory = Buffer.alloc(0);
    this.used = 0;
    return taken;
  }
}
