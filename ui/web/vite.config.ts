import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { sourceHash } from './dev/source-hash.mjs';

const root = import.meta.dirname;
const dist = join(root, '../dist');

/** Writes what the Rust build compares the sources with, and the licences of what the bundle contains. */
function companions(): Plugin {
  return {
    name: 'companions',
    apply: 'build',
    closeBundle() {
      writeFileSync(join(dist, '.source-hash'), `${sourceHash(root)}\n`);
      writeFileSync(join(dist, 'licenses.txt'), licenses());
    },
  };
}

function licenses(): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const names = [...Object.keys(manifest.dependencies), '@preact/signals-core', '@tanstack/query-core'].sort();
  const texts = names.map((name) => {
    const folder = join(root, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  const icons = `lucide (icons)\n\n${readFileSync(join(root, 'src/components/icons.LICENSE'), 'utf8').trim()}\n`;
  return [...texts, icons].join('\n----\n\n');
}

export default defineConfig({
  root,
  plugins: [companions()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '/api': process.env.SPANDREL_URL ?? 'http://127.0.0.1:4319' } },
  build: {
    outDir: dist,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    // Fixed names keep the committed bundle's history small; ETags take care of caches.
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: (asset) => (asset.names[0]?.endsWith('.css') ? 'assets/app.css' : 'assets/[name][extname]'),
      },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
