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

/** Serves `handle` over http, or over https where there is a certificate; on a free port unless told which. */
export async function serve(handle, certificate, onPort = 0) {
  const server = certificate
    ? https.createServer({ key: readFileSync(certificate.key), cert: readFileSync(certificate.cert) }, handle)
    : http.createServer(handle);
  server.listen(onPort, '127.0.0.1');
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

/** Ends TLS on one port and hands every request on to another, as a proxy in front of an app does. */
export const forward = (port, behind, certificate) =>
  serve(
    (request, response) => {
      const { method, url, headers } = request;
      const onward = http.request({ host: '127.0.0.1', port: behind, method, path: url, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    },
    certificate,
    port,
  );
