// Service colours and chips. The slot comes from a hash of the name; collisions inside one trace are solved in
// sorted order, so that everybody sees the same colours. The chip is the second cue beside the hue.

export const SLOTS = 16;
/** Coprime to SLOTS, so that probing visits every slot, and far from the first choice on the colour wheel. */
const PROBE = 5;

export interface ServiceMark {
  /** 0..15, an index into the colour tokens. */
  readonly slot: number;
  /** Two letters, unique within the trace where two letters can be. */
  readonly chip: string;
}

/** FNV-1a, 32 bits. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  // The low bits of FNV mix poorly for short names; fold the high half in.
  return (hash ^ (hash >>> 15)) >>> 0;
}

export function serviceMarks(services: Iterable<string>): Map<string, ServiceMark> {
  const marks = new Map<string, ServiceMark>();
  const slots = new Set<number>();
  const chips = new Set<string>();
  for (const name of [...new Set(services)].sort()) {
    const preferred = hashName(name) % SLOTS;
    let slot = preferred;
    for (let tries = 0; tries < SLOTS && slots.has(slot); tries++) slot = (slot + PROBE) % SLOTS;
    slots.add(slot);
    const candidates = chipCandidates(name);
    const chip = candidates.find((c) => !chips.has(c)) ?? candidates[0];
    chips.add(chip);
    marks.set(name, { slot, chip });
  }
  return marks;
}

/** Initials of the first two words, else the first letter with each following letter in turn. */
function chipCandidates(name: string): string[] {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word.length > 0);
  const letters = [...words.join('')];
  if (letters.length === 0) return ['?'];
  const candidates: string[] = [];
  if (words.length > 1) candidates.push([...words[0]][0] + [...words[1]][0]);
  for (const letter of letters.slice(1)) candidates.push(letters[0] + letter);
  if (candidates.length === 0) candidates.push(letters[0]);
  return candidates.map((c) => c.toLowerCase());
}
