#!/usr/bin/env node
import { runBundled } from '../bundled.mjs';

await runBundled('test/explorer/main.ts', 'explore');
