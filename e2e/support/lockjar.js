// The real program on a free port and an empty SQLite file, and the same library without its guard.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { forward, freePort } from './servers.js';

const program = (name) => fileURLToPath(new URL(`../../target/debug/${name}`, import.meta.url));
const urlOf = (port, certificate) => `${certificate ? 'https' : 'http'}://localhost:${port}`;
const databaseIn = (folder, name) => `sqlite://${join(folder, name)}`;

/** Starts `lockjar serve`; `certificate` makes it https. */
export async function startLockjar(folder, certificate, ...more) {
  const port = await freePort();
  const url = urlOf(port, certificate);
  const tls = certificate ? ['--tls-cert', certificate.cert, '--tls-key', certificate.key] : [];
  // Every test signs somebody up from here.
  const throttle = ['--throttle-sign-ups', '1000000', '--throttle-failures', '1000000'];
  const settings = ['--listen', `127.0.0.1:${port}`, '--public-url', url, ...throttle];
  const database = ['--database', databaseIn(folder, 'lockjar.db')];
  const server = await start('lockjar', folder, ['serve', ...settings, ...database, ...tls, ...more]);
  const options = { cwd: folder, encoding: 'utf8' };
  /** What an operator types on the same database. */
  const command = (...words) => execFileSync(program('lockjar'), [...words, ...database, '--public-url', url], options);
  return { url, port, command, stop: () => stop(server) };
}

/** Starts Lockjar with the cross-site guard off. It knows no TLS, so over https something stands in front of it. */
export async function startUnguarded(folder, certificate) {
  const [port, behind] = [await freePort(), await freePort()];
  const [url, inner] = [urlOf(port, certificate), certificate ? behind : port];
  const database = databaseIn(folder, `unguarded-${port}.db`);
  const server = await start('unguarded', folder, [`127.0.0.1:${inner}`, url, database]);
  const front = certificate && (await forward(port, inner, certificate));
  return {
    url,
    stop() {
      front?.stop();
      server.kill('SIGKILL');
    },
  };
}

/** Both programs print their URL once they listen. */
async function start(name, folder, args) {
  const server = spawn(program(name), args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  createInterface(server.stderr).on('line', (line) => log.push(line));
  const lines = createInterface(server.stdout);
  const died = once(server, 'exit').then(([code]) => {
    throw new Error(`${name} ended with ${code} before it listened:\n${log.join('\n')}`);
  });
  await Promise.race([once(lines, 'line'), died]);
  died.catch(() => {});
  return server;
}

async function stop(server) {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0) throw new Error(`lockjar ended with ${code} after SIGTERM`);
}
