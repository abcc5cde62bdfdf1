// Which statuses are successes, as a table, and the words for it: "2xx", "404", "200,301".

const CLASS = /^([1-9])xx$/i;
const EXACT = /^[1-9]\d\d$/;

/** Whether a word names a status or a class of them. */
export function isStatusWord(word: string): boolean {
  return CLASS.test(word) || EXACT.test(word);
}

/** 1 where a status is a success; a reply without a status (0) always is. */
export function statusTable(words: readonly string[]): Uint8Array {
  const table = new Uint8Array(1000);
  table[0] = 1;
  for (const word of words) {
    const digit = CLASS.exec(word)?.[1];
    if (digit === undefined) table[Number(word)] = 1;
    else table.fill(1, Number(digit) * 100, Number(digit) * 100 + 100);
  }
  return table;
}
