#!/usr/bin/env node
import { runBundled } from '../bundled.mjs';

// It bundles the swarm itself, with a bug in: esbuild cannot be in a bundle.
await runBundled('test/planted/main.ts', 'planted', { packages: 'external' });
