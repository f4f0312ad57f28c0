// What a person does on the pages.
import { randomBytes } from 'node:crypto';

import { expect } from './test.js';

export function newPerson() {
  return { username: `otter-${randomBytes(4).toString('hex')}`, password: 'seven quiet rivers and a ladder' };
}

/** Fills the form of the log-in or the sign-up page that is open, and sends it. */
export async function fillIn(page, { username, password }, button) {
  const form = page.getByRole('main').locator('form');
  await form.getByLabel('Username').fill(username);
  await form.getByLabel('Password').fill(password);
  await form.getByRole('button', { name: button }).click();
}

export async function signUp(page, person = newPerson()) {
  await page.goto('/register');
  await fillIn(page, person, 'Sign up');
  await expect(page).toHaveURL(/\/account/);
  return person;
}

export async function logIn(page, person) {
  await page.goto('/login');
  await fillIn(page, person, 'Log in');
}

export async function logOut(page) {
  await page.getByRole('navigation').getByRole('button', { name: 'Log out' }).click();
  await expect(page).toHaveURL(/\/\?notice=logged-out$/);
}

export const greeting = (page, { username }) =>
  page.getByRole('heading', { level: 1, name: `Hello, ${username}` });

/** The name of whoever the browser's cookie belongs to, or null. */
export async function whoIs(page) {
  const answer = await page.request.get('/me');
  if (answer.status() === 401) return null;
  expect(answer.status()).toBe(200);
  return (await answer.json()).username;
}
