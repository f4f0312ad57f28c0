// The real program on a free port and an empty SQLite file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { freePort } from './servers.js';

const PROGRAM = fileURLToPath(new URL('../../target/debug/lockjar', import.meta.url));

/** Starts `lockjar serve`; `certificate` makes it https. */
export async function startLockjar(folder, certificate, ...more) {
  const port = await freePort();
  const url = `${certificate ? 'https' : 'http'}://localhost:${port}`;
  const tls = certificate ? ['--tls-cert', certificate.cert, '--tls-key', certificate.key] : [];
  const settings = ['--listen', `127.0.0.1:${port}`, '--public-url', url];
  const database = ['--database', `sqlite://${join(folder, 'lockjar.db')}`];
  const server = spawn(PROGRAM, ['serve', ...settings, ...database, ...tls, ...more], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = [];
  createInterface(server.stderr).on('line', (line) => log.push(line));
  await firstLine(server, log);
  return { url, port, stop: () => stop(server) };
}

/** The program prints its URL once it listens. */
async function firstLine(server, log) {
  const lines = createInterface(server.stdout);
  const died = once(server, 'exit').then(([code]) => {
    throw new Error(`lockjar ended with ${code} before it listened:\n${log.join('\n')}`);
  });
  await Promise.race([once(lines, 'line'), died]);
  died.catch(() => {});
}

async function stop(server) {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0) throw new Error(`lockjar ended with ${code} after SIGTERM`);
}
