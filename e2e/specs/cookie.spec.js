import { fillIn, logOut, newPerson, signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

/** What the browser itself keeps, HttpOnly cookies included. */
async function cookiesOf(page) {
  const cdp = await page.context().newCDPSession(page);
  const { cookies } = await cdp.send('Network.getCookies', { urls: [page.url()] });
  return cookies;
}

const isDevices = ({ name }) => /^(lockjar_device_\d+|__Host-Http-device)$/.test(name);

/** The session's cookies, without that which the browser is known by. */
const sessionsOf = async (page) => (await cookiesOf(page)).filter((cookie) => !isDevices(cookie));
const sessionIn = async (context) => (await context.cookies()).find((cookie) => !isDevices(cookie));

const expectedOn = {
  http: ({ port }) => ({ name: `lockjar_${port}`, secure: false }),
  https: () => ({ name: '__Host-Http-session', secure: true }),
};

test('the browser keeps one cookie with every flag', async ({ page, scheme, lockjar }) => {
  await signUp(page);
  const cookies = await sessionsOf(page);
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

  const [cookie] = await sessionsOf(page);
  const days = (cookie.expires - Date.now() / 1000) / 86_400;
  expect(cookie.session).toBe(false);
  expect(days).toBeGreaterThan(1);
  expect(days).toBeLessThanOrEqual(400);
});

test('no script can read the cookie', async ({ page }) => {
  await signUp(page);
  const [{ value }] = await sessionsOf(page);
  expect(await page.evaluate(() => document.cookie)).toBe('');
  expect(await page.evaluate(async () => (await cookieStore.getAll()).length)).toBe(0);
  expect(await page.content()).not.toContain(value.split('.').at(-1));
});

test('logging out takes the cookie away', async ({ page }) => {
  await signUp(page);
  await logOut(page);
  expect(await sessionsOf(page)).toEqual([]);
});

test('the cookie by which the browser is known stays, out of reach for scripts', async ({ page, scheme }) => {
  await signUp(page);
  await logOut(page);
  const [device, ...others] = await cookiesOf(page);
  expect(others).toEqual([]);
  expect(device).toMatchObject({
    domain: 'localhost',
    path: '/',
    httpOnly: true,
    secure: scheme === 'https',
    sameSite: 'Lax',
    session: false,
  });
  expect(isDevices(device)).toBe(true);
  expect(await page.evaluate(() => document.cookie)).toBe('');
  expect(await whoIs(page)).toBeNull();
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
  const before = await sessionIn(context);
  await page.goto('/login');
  const login = await page.request.post('/login', { form: person });
  expect(login.status()).toBe(200);
  const after = await sessionIn(context);
  expect(after.value).not.toBe(before.value);
  await context.addCookies([before]);
  expect(await whoIs(page)).toBeNull();
});

test('a token that was put there before the log-in is not adopted', async ({ page, context }) => {
  const person = await signUp(page);
  const real = await sessionIn(context);
  await logOut(page);
  const planted = { ...real, value: real.value.replaceAll(/\w/g, 'A') };
  await context.addCookies([planted]);
  expect(await whoIs(page)).toBeNull();
  await page.goto('/login');
  await fillIn(page, person, 'Log in');
  await expect(page).toHaveURL(/\/account/);
  const after = await sessionIn(context);
  expect(after.value).not.toBe(planted.value);
});

test('an account page can be opened only by its own cookie', async ({ page, newDevice }) => {
  const person = await signUp(page);
  const stranger = await newDevice();
  await signUp(stranger, newPerson());
  await stranger.goto('/account');
  await expect(stranger.getByText(person.username)).toHaveCount(0);
});
