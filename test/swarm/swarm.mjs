#!/usr/bin/env node
import { runBundled } from '../bundled.mjs';

await runBundled('test/swarm/main.ts', 'swarm');
