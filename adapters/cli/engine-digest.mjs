// Names the engine by its source, so that a journal says which rules wrote it.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} directory
 * @param {string} prefix
 * @returns {string[]} paths with `/`, on every platform
 */
function typeScriptFilesUnder(directory, prefix) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) {
      return typeScriptFilesUnder(join(directory, entry.name), path);
    }
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/**
 * @param {string} rootDir the folder that holds `engine/`
 * @returns {string} 16 hex characters
 */
export function engineDigest(rootDir) {
  const hash = createHash('sha256');
  for (const path of typeScriptFilesUnder(join(rootDir, 'engine'), 'engine').sort()) {
    // A checkout with CRLF is still the same engine.
    const text = readFileSync(join(rootDir, path), 'utf8').replaceAll('\r\n', '\n');
    // Lengths keep one file's end apart from the next one's start.
    hash.update(`${path}\n${Buffer.byteLength(text)}\n${text}`);
  }
  return hash.digest('hex').slice(0, 16);
}
