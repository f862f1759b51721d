// The hash that tells whether ui/dist was built from these sources: FNV-1a, 64 bits, over sorted paths and contents.
// ui/build.rs computes the same; change both together.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = ['index.html', 'package-lock.json', 'package.json', 'vite.config.ts'];
const FOLDERS = ['public', 'src'];

export function sourceHash(root) {
  const paths = [...FILES, ...FOLDERS.flatMap((folder) => walk(root, folder))].sort();
  let hash = 0xcbf29ce484222325n;
  const feed = (bytes) => {
    for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  };
  for (const path of paths) {
    feed(Buffer.from(`${path}\0`));
    feed(readFileSync(join(root, path)));
    feed([0]);
  }
  return hash.toString(16).padStart(16, '0');
}

function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return walk(root, path);
    return entry.name.endsWith('.test.ts') ? [] : [path];
  });
}
