// What the Back button shows after a log-out, with the browser's back-forward cache left on.
import { greeting, logOut, signUp } from '../support/people.js';
import { expect, test } from '../support/test.js';

/** A page that comes out of the cache is not loaded again, so there is no load to wait for. */
const goBack = (page) => page.goBack({ waitUntil: 'commit' });

async function expectNothingPrivate(page, person) {
  await expect(page.getByText(person.username)).toHaveCount(0);
  await expect(page.getByText('Where you are logged in')).toHaveCount(0);
}

test('Back after a log-out shows nothing private', async ({ page }) => {
  const person = await signUp(page);
  await page.goto('/account');
  await expect(greeting(page, person)).toBeVisible();
  await logOut(page);

  await goBack(page);
  await expect(page).toHaveURL(/\/login/);
  await expectNothingPrivate(page, person);
});

test('Back shows nothing private after a log-out in another tab', async ({ page, context }) => {
  const person = await signUp(page);
  await page.goto('/account');
  await page.goto('/');
  const tab = await context.newPage();
  await tab.goto('/account');
  await logOut(tab);

  await goBack(page);
  await expect(page).toHaveURL(/\/login/);
  await expectNothingPrivate(page, person);
});

test('Back to a sent log-in form sends no password again', async ({ page }) => {
  const person = await signUp(page);
  await logOut(page);
  await page.goto('/login');
  await page.getByLabel('Username').fill(person.username);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('main').getByRole('button', { name: 'Log in' }).click();
  await expect(greeting(page, person)).toBeVisible();
  await logOut(page);

  await goBack(page);
  await goBack(page);
  await expect(page.getByLabel('Password')).toHaveValue('');
});

// The control: were the cache off, or were a page allowed into it, the tests above would say nothing.
test('a page that forbids nothing comes back from the cache as it was left', async ({ page, attacker }) => {
  await page.goto(`${attacker.sameSite}/nothing`);
  await page.evaluate(() => {
    document.body.innerHTML = '<h1>Secrets of somebody</h1>';
    window.left = true;
  });
  await page.goto(`${attacker.crossSite}/nothing`);

  await goBack(page);
  await expect(page.getByRole('heading', { name: 'Secrets of somebody' })).toBeVisible();
  expect(await page.evaluate(() => window.left)).toBe(true);
});
