// The pictures of the documentation: SCREENSHOTS=../docs npx playwright test --project screenshots
import { join } from 'node:path';

import { FIREFOX_ON_LINUX, SAFARI_ON_IPHONE } from '../support/devices.js';
import { PAGES } from '../support/pages.js';
import { logIn, newPerson } from '../support/people.js';
import { test } from '../support/test.js';

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const SHOWN = { welcome: PAGES.welcome, login: PAGES['log-in'], register: PAGES['sign-up'], account };

/** Somebody who is logged in on a phone and two computers. */
async function account(page, newDevice, username) {
  const person = { ...newPerson(), username };
  await page.request.post('/register', { form: person });
  for (const agent of [SAFARI_ON_IPHONE, FIREFOX_ON_LINUX]) await logIn(await newDevice(agent), person);
  await page.goto('/account');
}

for (const [name, open] of Object.entries(SHOWN)) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      // The one that the README shows has the plain name.
      const variant = size === 'desktop' && colorScheme === 'light' ? '' : `-${size}-${colorScheme}`;
      test(`${name}${variant}`, async ({ page, newDevice }) => {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        await open(page, newDevice, `ada${variant}`);
        const path = join(process.env.SCREENSHOTS, `${name}${variant}.png`);
        await page.screenshot({ path, fullPage: true });
      });
    }
  }
}
