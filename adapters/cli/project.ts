import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

declare const NODE_FLEET_ENGINE_DIGEST: string;

/** Names the engine’s source that this program was built from: 16 hex characters. */
export const ENGINE_DIGEST = NODE_FLEET_ENGINE_DIGEST;

/** The project’s folder, whether this runs from the bundle or from its source. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  return folder;
}
