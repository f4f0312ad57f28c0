// What the browser itself enforces by the cookie's name, so that no script can log a victim in as somebody else.
import { signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

const NAME = '__Host-Http-session';
const UNPROTECTED = 'session';

const WRITERS = {
  'document.cookie': (name) => {
    document.cookie = `${name}=planted; Secure; Path=/`;
  },
  'cookieStore.set': (name) =>
    cookieStore.set({ name, value: 'planted', path: '/' }).catch(() => {}),
};

/** Writes the session's name, then one without a prefix, and returns what was planted once that one has arrived:
 *  a browser writes in order, but later than the script believes. In a browser where nothing can be written at all,
 *  it never arrives. */
async function plant(page, context, write) {
  await page.evaluate(write, NAME);
  await page.evaluate(write, UNPROTECTED);
  const planted = async () =>
    (await context.cookies()).filter(({ value }) => value === 'planted').map(({ name }) => name);
  await expect.poll(planted).toContain(UNPROTECTED);
  return planted();
}

for (const [writer, write] of Object.entries(WRITERS)) {
  test(`${writer} cannot plant the session, although it can plant a cookie without the prefix`, async ({
    page,
    context,
  }) => {
    await page.goto('/');
    expect(await plant(page, context, write)).toEqual([UNPROTECTED]);
    expect(await whoIs(page)).toBeNull();
  });

  test(`${writer} cannot overwrite the session`, async ({ page, context }) => {
    const person = await signUp(page);
    expect(await plant(page, context, write)).toEqual([UNPROTECTED]);
    expect(await whoIs(page)).toBe(person.username);
  });
}
