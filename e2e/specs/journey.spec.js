import { FIREFOX_ON_LINUX, SAFARI_ON_IPHONE } from '../support/devices.js';
import { fillIn, greeting, logIn, logOut, newPerson, signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

const sessions = (page) =>
  page.getByRole('region', { name: 'Where you are logged in' }).getByRole('listitem');

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('a person signs up, logs out and logs in again', async ({ page }) => {
      const person = newPerson();
      await page.goto('/');
      await page.getByRole('main').getByRole('link', { name: 'Sign up' }).click();
      await fillIn(page, person, 'Sign up');
      await expect(greeting(page, person)).toBeVisible();

      await logOut(page);
      await expect(page.getByRole('status')).toHaveText('You are logged out.');
      await page.goto('/account');
      await expect(page).toHaveURL(/\/login\?next=/);

      await fillIn(page, person, 'Log in');
      await expect(page).toHaveURL(/\/account$/);
      await expect(greeting(page, person)).toBeVisible();
      expect(await whoIs(page)).toBe(person.username);
    });

    test('the account shows each device and revokes one', async ({ page, newDevice }) => {
      const person = await signUp(page);
      const laptop = await newDevice(FIREFOX_ON_LINUX);
      await logIn(laptop, person);
      await expect(greeting(laptop, person)).toBeVisible();

      await page.goto('/account');
      await expect(sessions(page)).toHaveCount(2);
      const other = sessions(page).filter({ hasText: 'Firefox' });
      await expect(other).toContainText('Linux');
      await other.getByRole('button', { name: 'Revoke' }).click();

      await expect(page).toHaveURL(/\/account\?notice=session-revoked$/);
      await expect(sessions(page)).toHaveCount(1);
      expect(await whoIs(laptop)).toBeNull();
      await laptop.reload();
      await expect(laptop).toHaveURL(/\/login/);
      expect(await whoIs(page)).toBe(person.username);
    });

    test('the account ends every other session and keeps this one', async ({ page, newDevice }) => {
      const person = await signUp(page);
      const others = [await newDevice(FIREFOX_ON_LINUX), await newDevice(SAFARI_ON_IPHONE)];
      for (const device of others) await logIn(device, person);

      await page.goto('/account');
      await expect(sessions(page)).toHaveCount(3);
      await page.getByRole('button', { name: 'Log out other sessions' }).click();

      await expect(page).toHaveURL(/\/account\?notice=others-revoked$/);
      await expect(sessions(page)).toHaveCount(1);
      for (const device of others) expect(await whoIs(device)).toBeNull();
      expect(await whoIs(page)).toBe(person.username);
    });

    test('logging out everywhere ends this session too', async ({ page, newDevice }) => {
      const person = await signUp(page);
      const laptop = await newDevice(FIREFOX_ON_LINUX);
      await logIn(laptop, person);

      await page.goto('/account');
      await page.getByRole('button', { name: 'Log out everywhere' }).click();

      await expect(page.getByRole('status')).toContainText('logged out on every device');
      for (const device of [page, laptop]) expect(await whoIs(device)).toBeNull();
    });

    test('a changed password ends the other sessions and is the only one that works', async ({
      page,
      newDevice,
    }) => {
      const person = await signUp(page);
      const laptop = await newDevice(FIREFOX_ON_LINUX);
      await logIn(laptop, person);
      const renewed = { ...person, password: 'eleven loud mountains in the rain' };

      await page.goto('/account');
      await page.getByLabel('Current password').fill(person.password);
      await page.getByLabel('New password').fill(renewed.password);
      await page.getByRole('button', { name: 'Change password' }).click();

      await expect(page).toHaveURL(/\/account\?notice=password-changed$/);
      expect(await whoIs(page)).toBe(person.username);
      expect(await whoIs(laptop)).toBeNull();
      await logIn(laptop, person);
      await expect(laptop.getByRole('alert')).toBeVisible();
      await fillIn(laptop, renewed, 'Log in');
      await expect(greeting(laptop, person)).toBeVisible();
    });

    test('a wrong password is said on the page, and the name stays filled in', async ({ page }) => {
      const person = await signUp(page);
      await logOut(page);

      const answer = page.waitForResponse((response) => response.request().method() === 'POST');
      await logIn(page, { ...person, password: 'not the password of anybody' });

      expect((await answer).status()).toBe(401);
      await expect(page.getByRole('alert')).toBeVisible();
      await expect(page.getByLabel('Username')).toHaveValue(person.username);
      await expect(page.getByLabel('Password')).toHaveValue('');
      expect(await whoIs(page)).toBeNull();
    });

    test('a taken name is said beside its field', async ({ page, newDevice }) => {
      const person = await signUp(page);
      const stranger = await newDevice(FIREFOX_ON_LINUX);

      await stranger.goto('/register');
      await fillIn(stranger, { ...person, password: 'another long one entirely' }, 'Sign up');

      await expect(stranger.getByLabel('Username')).toHaveAttribute('aria-invalid', 'true');
      expect(await whoIs(stranger)).toBeNull();
    });

    test('the page that was wanted comes after the log-in', async ({ page }) => {
      const person = await signUp(page);
      await logOut(page);

      await page.goto('/login?next=%2Faccount%3Fnotice%3Dwelcome');
      await fillIn(page, person, 'Log in');
      await expect(page).toHaveURL(/\/account\?notice=welcome$/);
    });

    test('no log-in leads to another site', async ({ page, attacker }) => {
      const person = await signUp(page);
      const elsewhere = attacker.crossSite.replace(/^https?:/, '');
      for (const next of [attacker.crossSite, elsewhere, `/\\${elsewhere.slice(2)}`, `/\t${elsewhere}`]) {
        await page.goto(`/login?next=${encodeURIComponent(next)}`);
        if (await page.getByLabel('Password').isVisible()) await fillIn(page, person, 'Log in');
        await expect(page).toHaveURL((url) => url.hostname === 'localhost' && url.pathname === '/account');
        await logOut(page);
      }
    });

    test('a password can be kept and filled by a password manager', async ({ page }) => {
      await page.goto('/login');
      await expect(page.getByLabel('Username')).toHaveAttribute('autocomplete', 'username');
      await expect(page.getByLabel('Password')).toHaveAttribute('autocomplete', 'current-password');
      await page.goto('/register');
      await expect(page.getByLabel('Password')).toHaveAttribute('autocomplete', 'new-password');
    });
  });
}

test('a password can be pasted', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/login');
  await page.evaluate(() => navigator.clipboard.writeText('pasted from a manager'));
  await page.getByLabel('Password').focus();
  await page.keyboard.press('ControlOrMeta+V');
  await expect(page.getByLabel('Password')).toHaveValue('pasted from a manager');
});
