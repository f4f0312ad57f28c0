import { PAGES } from '../support/pages.js';
import { expect, test } from '../support/test.js';

const EVERYWHERE = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
};

const POLICY = ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"];

for (const [name, open] of Object.entries(PAGES)) {
  test(`${name}: every security header, and nothing that they forbid`, async ({ page, scheme }) => {
    const complaints = [];
    const documents = [];
    page.on('console', (message) => /content security policy/i.test(message.text()) && complaints.push(message.text()));
    page.on('response', (response) => response.request().resourceType() === 'document' && documents.push(response));
    await open(page);

    const headers = await documents.at(-1).allHeaders();
    for (const [header, value] of Object.entries(EVERYWHERE)) {
      expect(headers[header], header).toContain(value);
    }
    const policy = headers['content-security-policy'];
    for (const directive of POLICY) expect(policy).toContain(directive);
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('*');
    const hsts = headers['strict-transport-security'];
    if (scheme === 'https') expect(Number(/max-age=(\d+)/.exec(hsts)[1])).toBeGreaterThanOrEqual(31_536_000);
    else expect(hsts).toBeUndefined();
    expect(complaints).toEqual([]);
  });
}

test('an inline script that got into a page does not run', async ({ page }) => {
  await page.goto('/');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.injected = true';
    document.body.append(script);
  });
  expect(await page.evaluate(() => window.injected)).toBeUndefined();
});

test('answers of the API carry the headers too', async ({ request }) => {
  for (const path of ['/me', '/protected', '/sessions', '/nowhere']) {
    const headers = (await request.get(path)).headers();
    expect(headers['x-content-type-options'], path).toBe('nosniff');
  }
});
