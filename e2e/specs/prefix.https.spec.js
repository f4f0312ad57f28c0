// What the browser itself enforces by the cookie's name, so that no script can log a victim in as somebody else.
import { signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

const NAME = '__Host-Http-session';

const WRITERS = {
  'document.cookie': (name) => {
    document.cookie = `${name}=planted; Secure; Path=/`;
  },
  'cookieStore.set': (name) =>
    cookieStore.set({ name, value: 'planted', path: '/' }).catch(() => {}),
};

const planted = async (context) => (await context.cookies()).filter(({ value }) => value === 'planted');

for (const [writer, write] of Object.entries(WRITERS)) {
  test(`${writer} cannot plant the session`, async ({ page, context }) => {
    await page.goto('/');
    await page.evaluate(write, NAME);
    expect(await context.cookies()).toEqual([]);
  });

  test(`${writer} cannot overwrite the session`, async ({ page, context }) => {
    const person = await signUp(page);
    await page.evaluate(write, NAME);
    expect(await planted(context)).toEqual([]);
    expect(await whoIs(page)).toBe(person.username);
  });

  // Without this, the two above would pass in a browser where nothing can be written at all.
  test(`${writer} can plant a cookie without the prefix`, async ({ page, context }) => {
    await page.goto('/');
    await page.evaluate(write, 'session');
    expect(await planted(context)).toHaveLength(1);
  });
}
