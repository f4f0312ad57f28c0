// With JWTs in the cookies: the same pages, and tabs that refresh at the same moment.
import { greeting, logOut, signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

// The shortest there is.
const LIFETIME = 60_000;

test.use({ settings: [['--token', 'jwt', '--jwt-lifetime', `${LIFETIME / 1000}s`], { scope: 'worker' }] });

/** The session's cookies, without that which the browser is known by. */
async function cookiesOf(page) {
  const cdp = await page.context().newCDPSession(page);
  const { cookies } = await cdp.send('Network.getCookies', { urls: [page.url()] });
  const ofSessions = cookies.filter(({ name }) => !name.includes('device'));
  return new Map(ofSessions.map((cookie) => [cookie.name.replace('__Host-Http-', ''), cookie]));
}

const expired = (page) => page.waitForTimeout(LIFETIME + 1_000);

test('the browser keeps both cookies from every script', async ({ page, scheme }) => {
  await signUp(page);
  const cookies = await cookiesOf(page);
  expect([...cookies.keys()].sort()).toEqual(['access_token', 'refresh_token']);
  for (const cookie of cookies.values()) {
    expect(cookie).toMatchObject({ path: '/', httpOnly: true, sameSite: 'Lax', secure: scheme === 'https' });
    expect(cookie.name.startsWith('__Host-Http-')).toBe(scheme === 'https');
  }
  expect(await page.evaluate(() => document.cookie)).toBe('');
});

test('five tabs that come back at once all stay logged in', async ({ page, context }) => {
  test.setTimeout(240_000);
  const person = await signUp(page);
  const tabs = [page];
  while (tabs.length < 5) tabs.push(await context.newPage());
  await Promise.all(tabs.map((tab) => tab.goto('/account')));
  for (let round = 0; round < 2; round += 1) {
    const before = (await cookiesOf(page)).get('refresh_token').value;
    await expired(page);
    const answers = await Promise.all(tabs.map((tab) => tab.reload()));
    for (const answer of answers) {
      expect(answer.status()).toBe(200);
      expect(answer.request().redirectedFrom()).toBeNull();
    }
    for (const tab of tabs) await expect(greeting(tab, person)).toBeVisible();
    expect((await cookiesOf(page)).get('refresh_token').value).not.toBe(before);
  }
});

test('five tabs that call refresh at once all stay logged in', async ({ page, context }) => {
  const person = await signUp(page);
  const tabs = [page];
  while (tabs.length < 5) tabs.push(await context.newPage());
  // The pages themselves may run no script.
  await Promise.all(tabs.map((tab) => tab.goto('/docs/')));
  const refresh = async () => (await fetch('/refresh', { method: 'POST' })).status;
  const statuses = await Promise.all(tabs.map((tab) => tab.evaluate(refresh)));
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  for (const tab of tabs) expect(await whoIs(tab)).toBe(person.username);
});

test('a form that is sent after the token has expired does what it says', async ({ page }) => {
  test.setTimeout(120_000);
  await signUp(page);
  await expired(page);
  await logOut(page);
  expect((await cookiesOf(page)).size).toBe(0);
  expect(await whoIs(page)).toBeNull();
});
