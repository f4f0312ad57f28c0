// Small servers of the tests' own on 127.0.0.1.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

export async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

/** Serves `handle` over http, or over https where there is a certificate. */
export async function serve(handle, certificate) {
  const server = certificate
    ? https.createServer({ key: readFileSync(certificate.key), cert: readFileSync(certificate.cert) }, handle)
    : http.createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const scheme = certificate ? 'https' : 'http';
  return {
    // Browsers call two ports of one host the same site, so SameSite=Lax lets the cookie through.
    sameSite: `${scheme}://localhost:${port}`,
    crossSite: `${scheme}://127.0.0.1:${port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
