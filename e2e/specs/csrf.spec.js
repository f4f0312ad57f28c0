// Another site, and another port of localhost, act in the victim's browser.
import { newPerson, signUp, whoIs } from '../support/people.js';
import { expect, test } from '../support/test.js';

const PLACES = { 'another site': 'crossSite', 'another port of localhost': 'sameSite' };

/** Opens the attacker's page and waits until its request was answered; returns the answer's status. */
async function attack(page, from, by, target, fields = {}) {
  const query = new URLSearchParams({ by, target, fields: JSON.stringify(fields) });
  const answered = await statusOf(page, target);
  await page.goto(`${from}/?${query}`, { waitUntil: 'commit' });
  const status = await answered();
  await page.waitForLoadState();
  return status;
}

/** Watches below the page: what a script may not see of an answer, Playwright does not report either. */
async function statusOf(page, target) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  // The two reports about one request come in either order.
  const [sent, answered] = [new Set(), new Map()];
  const status = new Promise((resolve) => {
    const match = (id) => sent.has(id) && answered.has(id) && resolve(answered.get(id));
    cdp.on('Network.requestWillBeSent', ({ request, requestId }) => {
      if (request.url === target && request.method === 'POST') sent.add(requestId);
      match(requestId);
    });
    cdp.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => {
      answered.set(requestId, statusCode);
      match(requestId);
    });
  });
  return async () => {
    const code = await status;
    await cdp.detach();
    return code;
  };
}

/** The requests that would harm a victim who is logged in. */
const harmsOf = ({ username, password }, session, other) => [
  ['/logout'],
  ['/logout/all'],
  ['/logout/others'],
  [`/sessions/${session}/revoke`],
  ['/password', { current_password: password, new_password: 'the one the attacker knows' }],
  ['/login', other],
  ['/register', { ...newPerson() }],
];

for (const [place, key] of Object.entries(PLACES)) {
  for (const by of ['form', 'fetch']) {
    test(`a ${by} on ${place} changes nothing for a victim who is logged in`, async ({
      page,
      newDevice,
      lockjar,
      attacker,
    }) => {
      const other = await signUp(await newDevice());
      const victim = await signUp(page);
      const sessions = async () => (await (await page.request.get('/sessions')).json()).sessions;
      const before = await sessions();

      for (const [path, fields] of harmsOf(victim, before[0].id, other)) {
        expect(await attack(page, attacker[key], by, lockjar.url + path, fields), path).toBe(403);
        expect(await whoIs(page), path).toBe(victim.username);
      }
      expect((await sessions()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
      const login = await (await newDevice()).request.post('/login', { form: victim });
      expect(login.status()).toBe(200);
    });

    test(`a ${by} on ${place} logs nobody in`, async ({ page, context, newDevice, lockjar, attacker }) => {
      const other = await signUp(await newDevice());
      for (const [path, fields] of [['/login', other], ['/register', newPerson()]]) {
        expect(await attack(page, attacker[key], by, lockjar.url + path, fields), path).toBe(403);
        expect(await whoIs(page), path).toBeNull();
      }
      expect(await context.cookies(lockjar.url)).toEqual([]);
    });
  }

  test(`a refusal on ${place} names both origins`, async ({ page, lockjar, attacker }) => {
    await attack(page, attacker[key], 'form', `${lockjar.url}/logout`);
    await expect(page.locator('body')).toContainText(attacker[key]);
    await expect(page.locator('body')).toContainText(lockjar.url);
  });

  test(`a script on ${place} cannot read or delete a session`, async ({ page, lockjar, attacker }) => {
    const victim = await signUp(page);
    const [{ id }] = (await (await page.request.get('/sessions')).json()).sessions;
    await page.goto(`${attacker[key]}/nothing`);
    const outcomes = await page.evaluate(
      async ([url, session]) => {
        const blocked = (request) => request.then(() => 'answered', () => 'blocked');
        return [
          await blocked(fetch(`${url}/me`, { credentials: 'include' })),
          await blocked(fetch(`${url}/sessions/${session}`, { method: 'DELETE', credentials: 'include' })),
          await blocked(fetch(`${url}/logout`, { method: 'POST', credentials: 'include', headers: { 'X-A': 'b' } })),
        ];
      },
      [lockjar.url, id],
    );
    expect(outcomes).toEqual(['blocked', 'blocked', 'blocked']);
    expect(await whoIs(page)).toBe(victim.username);
  });

  test(`a frame on ${place} shows nothing`, async ({ page, lockjar, attacker }) => {
    const victim = await signUp(page);
    await page.goto(`${attacker[key]}/nothing`);
    await page.evaluate((url) => {
      document.body.append(Object.assign(document.createElement('iframe'), { src: `${url}/account` }));
    }, lockjar.url);
    const frame = page.frameLocator('iframe');
    await expect.poll(() => page.frames().length).toBe(2);
    await expect(frame.getByText(victim.username)).toHaveCount(0);
  });
}

test('a link from another site finds the victim still logged in', async ({ page, lockjar, attacker }) => {
  const victim = await signUp(page);
  await page.goto(`${attacker.crossSite}/nothing`);
  await page.evaluate((url) => (location.href = url), `${lockjar.url}/account`);
  await expect(page.getByRole('heading', { name: victim.username })).toBeVisible();
});

for (const host of ['127.0.0.1', 'localhost']) {
  test(`the page's own forms work when it was opened as ${host}`, async ({ page, lockjar }) => {
    const own = lockjar.url.replace('localhost', host);
    const person = newPerson();
    await page.goto(`${own}/register`);
    await page.getByLabel('Username').fill(person.username);
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('main').getByRole('button', { name: 'Sign up' }).click();
    await expect(page).toHaveURL((url) => url.hostname === host && url.pathname === '/account');
  });
}

// The control: the very same attacks on Lockjar with the guard off, where SameSite=Lax is all that is left.
test.describe('where the guard is off', () => {
  test.use({ baseURL: ({ unguarded }, use) => use(unguarded.url) });

  const worked = { form: 303, fetch: 200 };
  const canLogIn = async (page, person) => (await page.request.post('/login', { form: person })).ok();

  for (const [place, key] of Object.entries(PLACES)) {
    test(`a form on ${place} logs the victim in as the attacker`, async ({ page, attacker, unguarded, newDevice }) => {
      const other = await signUp(await newDevice());
      await signUp(page);
      expect(await attack(page, attacker[key], 'form', `${unguarded.url}/login`, other)).toBe(worked.form);
      expect(await whoIs(page)).toBe(other.username);
    });
  }

  for (const by of ['form', 'fetch']) {
    test(`a ${by} on another port of localhost changes the victim's password, and logs out`, async ({
      page,
      newDevice,
      attacker,
      unguarded,
    }) => {
      const { username, password } = await signUp(page);
      const stolen = 'the one the attacker knows';
      const fields = { current_password: password, new_password: stolen };
      expect(await attack(page, attacker.sameSite, by, `${unguarded.url}/password`, fields)).toBe(worked[by]);
      expect(await canLogIn(await newDevice(), { username, password: stolen })).toBe(true);
      expect(await attack(page, attacker.sameSite, by, `${unguarded.url}/logout`)).toBe(worked[by]);
      expect(await whoIs(page)).toBeNull();
    });
  }

  test('a form on another site is stopped by Lax alone, which is why ports matter', async ({
    page,
    newDevice,
    attacker,
    unguarded,
  }) => {
    const victim = await signUp(page);
    const fields = { current_password: victim.password, new_password: 'the one the attacker knows' };
    const status = await attack(page, attacker.crossSite, 'form', `${unguarded.url}/password`, fields);
    // Without its cookie it is shown the way to log in, which a change that was made is not.
    expect(status).toBe(303);
    await expect(page).toHaveURL(/\/login\?/);
    expect(await canLogIn(await newDevice(), victim)).toBe(true);
  });
});
