// Every page that a person can meet, each with how to get there.
import { fillIn, logIn, newPerson, signUp } from './people.js';

const loggedIn = (path) => async (page) => {
  await signUp(page);
  await page.goto(path);
};

export const PAGES = {
  welcome: (page) => page.goto('/'),
  'log-in': (page) => page.goto('/login'),
  'sign-up': (page) => page.goto('/register'),
  'log-in after a log-out': (page) => page.goto('/?notice=logged-out'),
  'refused log-in': (page) => logIn(page, newPerson()),
  'refused sign-up': async (page) => {
    await page.goto('/register');
    await fillIn(page, { username: newPerson().username, password: 'passwordpassword' }, 'Sign up');
  },
  'page that is not there': (page) => page.goto('/nowhere'),
  'welcome, logged in': loggedIn('/'),
  account: loggedIn('/account'),
  'account with a notice': loggedIn('/account?notice=password-changed'),
  'account with two sessions': async (page) => {
    const person = await signUp(page);
    await page.context().clearCookies();
    await logIn(page, person);
  },
  'refused change of the password': async (page) => {
    await signUp(page);
    await page.getByLabel('Current password').fill('not the password of anybody');
    await page.getByLabel('New password').fill('eleven loud mountains in the rain');
    await page.getByRole('button', { name: 'Change password' }).click();
  },
};
