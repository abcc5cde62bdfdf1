// Views of frames in buffers that are lent again and again. A peer whose frames are alike has them
// at the same places of each buffer: the view of the last time is used again, which costs neither
// its making nor its collection (together a tenth of a small frame).
//
// Invariant: an entry is used only for the very buffer, start and end that it was made for.

const ENTRIES = 2048; // a power of two; some 200 bytes each, once they are used
const PLACE_BYTES_SHIFT = 2; // frames begin at least so far from each other
const BUFFER_BYTES_SHIFT = 9; // and buffers, so that their first frames differ

export class LentViews {
  private readonly views: (Buffer | null)[] = new Array<Buffer | null>(ENTRIES).fill(null);
  private readonly owners: (Buffer | null)[] = new Array<Buffer | null>(ENTRIES).fill(null);
  private readonly starts: Uint32Array = new Uint32Array(ENTRIES);
  private readonly ends: Uint32Array = new Uint32Array(ENTRIES);

  /** bytes.subarray(start, end). Whoever keeps it sees it again, with other bytes. */
  of(bytes: Buffer, start: number, end: number): Buffer {
    const place = (bytes.byteOffset >>> BUFFER_BYTES_SHIFT) + (start >>> PLACE_BYTES_SHIFT);
    const index = place & (ENTRIES - 1);
    const known = this.views[index]!;
    const isIt = this.starts[index] === start && this.ends[index] === end;
    if (isIt && this.owners[index] === bytes && known !== null) return known;
    const view = bytes.subarray(start, end);
    this.views[index] = view;
    this.owners[index] = bytes;
    this.starts[index] = start;
    this.ends[index] = end;
    return view;
  }
}
