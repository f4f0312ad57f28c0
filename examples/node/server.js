// Who is logged in at Lockjar, checked by its published keys alone.
import { createServer } from 'node:http';

import { parseCookie } from 'cookie';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const ISSUER = process.env.LOCKJAR_URL ?? 'http://localhost:8000';
const COOKIE = ISSUER.startsWith('https://') ? '__Host-Http-access_token' : 'access_token';

const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', ISSUER), { cacheMaxAge: 300_000 });

// That the keys cannot be fetched is a fault, and says nothing about who is logged in; jose reports it with the class
// that its errors about tokens have.
async function publishedKey(header, token) {
  try {
    return await keys(header, token);
  } catch (error) {
    const ofTheToken = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
    if (ofTheToken && keys.jwks().keys.length > 0) throw error;
    throw new Error("Lockjar's keys cannot be fetched", { cause: error });
  }
}

async function currentUser(request) {
  const token = parseCookie(request.headers.cookie ?? '')[COOKIE] ?? '';
  const { payload } = await jwtVerify(token, publishedKey, {
    algorithms: ['EdDSA', 'ES256'],
    typ: 'at+jwt',
    issuer: ISSUER,
    audience: ISSUER,
    requiredClaims: ['exp', 'iat', 'sub', 'sid'],
  });
  return { user: payload.sub, session: payload.sid };
}

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const server = createServer(async (request, response) => {
  if (request.url !== '/whoami') return answer(response, 404, { detail: 'Not Found' });
  try {
    answer(response, 200, await currentUser(request));
  } catch (error) {
    if (error instanceof errors.JOSEError) return answer(response, 401, { detail: 'Not authenticated' });
    console.error(error);
    answer(response, 503, { detail: 'Try again later' }, { 'Retry-After': '5' });
  }
});

server.listen(Number(process.env.PORT ?? 8200), 'localhost');
