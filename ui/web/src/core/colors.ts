// Service colours and chips. The slot comes from a hash of the name; collisions inside one trace are solved in
// sorted order, so that everybody sees the same colours. The chip is the second cue beside the hue.

export const SLOTS = 16;
/** Coprime to SLOTS, so that probing visits every slot, and far from the first choice on the colour wheel. */
const PROBE = 5;

export interface ServiceMark {
  /** 0..15, an index into the colour tokens. */
  readonly slot: number;
  /** Two letters, unique where two letters can be. */
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

/**
 * Colours for the services of one trace. Chips are told apart among `known` as well, the services of the whole
 * server, so that a service has the same letters in every list.
 */
export function serviceMarks(services: Iterable<string>, known: Iterable<string> = []): Map<string, ServiceMark> {
  const shown = new Set(services);
  const chips = chipsOf([...shown, ...known]);
  const marks = new Map<string, ServiceMark>();
  const slots = new Set<number>();
  for (const name of [...shown].sort()) {
    const preferred = hashName(name) % SLOTS;
    let slot = preferred;
    for (let tries = 0; tries < SLOTS && slots.has(slot); tries++) slot = (slot + PROBE) % SLOTS;
    slots.add(slot);
    marks.set(name, { slot, chip: chips.get(name) ?? '?' });
  }
  return marks;
}

function chipsOf(names: string[]): Map<string, string> {
  const chips = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of [...new Set(names)].sort()) {
    const candidates = chipCandidates(name);
    const chip = candidates.find((c) => !taken.has(c)) ?? candidates[0];
    taken.add(chip);
    chips.set(name, chip);
  }
  return chips;
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
