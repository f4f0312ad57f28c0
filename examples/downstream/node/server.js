// Who is logged in at Lockjar, checked by its published keys alone.
import { createServer } from 'node:http';

import { parseCookie } from 'cookie';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const ISSUER = process.env.LOCKJAR_URL ?? 'http://localhost:8000';
const COOKIE = ISSUER.startsWith('https://') ? '__Host-Http-access_token' : 'access_token';

const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', ISSUER), { cacheMaxAge: 300_000 });

async function currentUser(request) {
  const token = parseCookie(request.headers.cookie ?? '')[COOKIE] ?? '';
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ['EdDSA', 'ES256'],
    typ: 'at+jwt',
    issuer: ISSUER,
    audience: ISSUER,
    requiredClaims: ['exp', 'iat', 'sub'],
  });
  return { user: payload.sub, session: payload.sid };
}

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

const server = createServer(async (request, response) => {
  if (request.url !== '/whoami') return answer(response, 404, { detail: 'Not Found' });
  try {
    answer(response, 200, await currentUser(request));
  } catch {
    answer(response, 401, { detail: 'Not authenticated' });
  }
});

server.listen(Number(process.env.PORT ?? 8200), 'localhost');
