// What an attack meets where nobody thought of it: log-in by a SameSite=Lax cookie, and no check of the origin.
import { parse } from 'node:querystring';

import { serve } from './servers.js';

export async function startUnguarded(certificate) {
  const passwords = new Map([
    ['victim', 'old'],
    ['attacker', 'known'],
  ]);
  const server = await serve((request, response) => answer(passwords, request, response), certificate);
  return { ...server, passwords };
}

async function answer(passwords, request, response) {
  const user = /\bunguarded=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  const form = await read(request);
  switch (`${request.method} ${request.url}`) {
    case 'POST /login':
      if (passwords.get(form.username) !== form.password) break;
      return reply(response, 200, 'logged in', form.username);
    case 'POST /logout':
      return reply(response, 200, 'logged out', '');
    case 'POST /password':
      if (!user) break;
      passwords.set(user, form.new_password);
      return reply(response, 200, 'password changed');
    case 'GET /me':
      return reply(response, 200, user ?? 'nobody');
    case 'GET /account':
      return reply(response, 200, `<h1>Secrets of ${user ?? 'nobody'}</h1>`);
  }
  return reply(response, 401, 'no');
}

async function read(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return parse(body);
}

function reply(response, status, text, user) {
  if (user !== undefined) {
    const age = user ? 3600 : 0;
    response.setHeader('Set-Cookie', `unguarded=${user}; HttpOnly; SameSite=Lax; Path=/; Max-Age=${age}`);
  }
  response.writeHead(status, { 'Content-Type': 'text/html' }).end(text);
}
