import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { render } from 'ink';
import { App, type AppProps } from './app.tsx';
import { Painter } from './painter.ts';
import type { SimulatingThread } from './simulating.ts';
import type { TuneState } from './state.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Draws until the person leaves, and says how things stand then. However it ends, by a signal or a crash too, the terminal is
 * as it was before; a crash is thrown.
 */
export async function tuneOnTerminal({
  simulating,
  ...props
}: Pick<AppProps, 'setup' | 'files'> & {
  readonly simulating: SimulatingThread;
}): Promise<TuneState> {
  const painter = new Painter(process.stdout);
  let isRestored = false;
  const restore = (): void => {
    if (!isRestored) {
      isRestored = true;
      // At once: the process may be about to end.
      writeSync(process.stdout.fd, painter.end());
    }
  };
  process.once('exit', restore);
  return new Promise<TuneState>((resolve, reject) => {
    const app = render(
      <App
        {...props}
        simulating={simulating}
        left={(state) => {
          end(() => {
            resolve(state);
          });
        }}
        interrupted={() => {
          process.kill(process.pid, 'SIGINT');
        }}
      />,
      {
        stdout: painter as unknown as NodeJS.WriteStream,
        exitOnCtrlC: false,
        patchConsole: false,
        // Whole frames, one after the other.
        debug: true,
      },
    );
    const end = (then: () => void): void => {
      app.unmount();
      restore();
      void simulating.end().then(then);
    };
    const crashed = (error: Error): void => {
      end(() => {
        reject(error);
      });
    };
    for (const signal of SIGNALS) {
      process.once(signal, () => {
        app.unmount();
        restore();
        process.exit(128 + constants.signals[signal]);
      });
    }
    process.once('uncaughtException', crashed);
    simulating.failed(crashed);
    // Ink ends by itself only when drawing fails.
    app.waitUntilExit().catch(crashed);
  });
}
