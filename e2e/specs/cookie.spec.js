import { fillIn, logOut, newPerson, signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

/** What the browser itself keeps, HttpOnly cookies included. */
async function cookiesOf(page) {
  const cdp = await page.context().newCDPSession(page);
  const { cookies } = await cdp.send('Network.getCookies', { urls: [page.url()] });
  return cookies;
}

const expectedOn = {
  http: ({ port }) => ({ name: `lockjar_${port}`, secure: false }),
  https: () => ({ name: '__Host-Http-session', secure: true }),
};

test('the browser keeps one cookie with every flag', async ({ page, scheme, lockjar }) => {
  await signUp(page);
  const cookies = await cookiesOf(page);
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({
    ...expectedOn[scheme](lockjar),
    domain: 'localhost',
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    session: true,
  });
});

test('being remembered gives the cookie an end', async ({ page }) => {
  const person = await signUp(page);
  await logOut(page);
  await page.goto('/login');
  await page.getByLabel('Keep me logged in').check();
  await fillIn(page, person, 'Log in');
  await expect(page).toHaveURL(/\/account/);

  const [cookie] = await cookiesOf(page);
  const days = (cookie.expires - Date.now() / 1000) / 86_400;
  expect(cookie.session).toBe(false);
  expect(days).toBeGreaterThan(1);
  expect(days).toBeLessThanOrEqual(400);
});

test('no script can read the cookie', async ({ page }) => {
  await signUp(page);
  const [{ value }] = await cookiesOf(page);
  expect(await page.evaluate(() => document.cookie)).toBe('');
  expect(await page.evaluate(async () => (await cookieStore.getAll()).length)).toBe(0);
  expect(await page.content()).not.toContain(value.split('.').at(-1));
});

test('logging out takes the cookie away', async ({ page }) => {
  await signUp(page);
  await logOut(page);
  expect(await cookiesOf(page)).toEqual([]);
});

test('a cookie from before a log-out is worth nothing', async ({ page, context }) => {
  await signUp(page);
  const kept = await context.cookies();
  await logOut(page);
  await context.addCookies(kept);
  expect(await whoIs(page)).toBeNull();
});

test('each log-in has a token of its own', async ({ page, context }) => {
  const person = await signUp(page);
  const [before] = await context.cookies();
  await page.goto('/login');
  const login = await page.request.post('/login', { form: person });
  expect(login.status()).toBe(200);
  const [after] = await context.cookies();
  expect(after.value).not.toBe(before.value);
  await context.addCookies([before]);
  expect(await whoIs(page)).toBeNull();
});

test('a token that was put there before the log-in is not adopted', async ({ page, context }) => {
  const person = await signUp(page);
  const [real] = await context.cookies();
  await logOut(page);
  const planted = { ...real, value: real.value.replaceAll(/\w/g, 'A') };
  await context.addCookies([planted]);
  expect(await whoIs(page)).toBeNull();
  await page.goto('/login');
  await fillIn(page, person, 'Log in');
  await expect(page).toHaveURL(/\/account/);
  const [after] = await context.cookies();
  expect(after.value).not.toBe(planted.value);
});

test('an account page can be opened only by its own cookie', async ({ page, newDevice }) => {
  const person = await signUp(page);
  const stranger = await newDevice();
  await signUp(stranger, newPerson());
  await stranger.goto('/account');
  await expect(stranger.getByText(person.username)).toHaveCount(0);
});
