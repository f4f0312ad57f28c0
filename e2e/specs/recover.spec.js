import { greeting, logIn, logOut, signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

const NEW = 'nine loud kettles and a lantern';

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('a link from the operator sets a new password, once', async ({ page, newDevice, lockjar }) => {
      const person = await signUp(page);
      const link = lockjar.command('user', 'recover', person.username).trim();
      const phone = await newDevice();
      await phone.goto(link);
      await expect(phone.getByText(person.username)).toBeVisible();
      await expect(phone.getByLabel('New password')).toBeFocused({ timeout: 2000 });

      await phone.getByLabel('New password').fill('passwordpassword');
      await phone.getByRole('button', { name: 'Set password' }).click();
      await expect(phone.getByRole('alert')).toBeVisible();

      await phone.getByLabel('New password').fill(NEW);
      await phone.getByRole('button', { name: 'Set password' }).click();
      await expect(phone).toHaveURL(/\/login\?notice=recovered$/);
      expect(await whoIs(page)).toBeNull();
      await logIn(phone, { ...person, password: NEW });
      await expect(greeting(phone, person)).toBeVisible();

      await phone.goto(link);
      await expect(phone.getByRole('heading', { name: 'Link not good' })).toBeVisible();
    });
  });
}

test('guesses of strangers lock nobody out of a browser that is known', async ({ page, newDevice }) => {
  const person = await signUp(page);
  await logOut(page);
  const stranger = await newDevice();
  await stranger.goto('/login');
  const guess = async () =>
    (await stranger.request.post('/login', { form: { ...person, password: 'not the one that it is' } })).status();
  for (let tries = 0; tries < 11; tries += 1) expect(await guess()).toBe(401);
  expect(await guess()).toBe(429);
  await logIn(stranger, person);
  await expect(stranger.getByRole('alert')).toContainText(/Too many attempts: try again in/);

  await logIn(page, person);
  await expect(greeting(page, person)).toBeVisible();
});
