// The pictures of the documentation: SCREENSHOTS=../docs npx playwright test --project screenshots
import { join } from 'node:path';

import { PAGES } from '../support/pages.js';
import { test } from '../support/test.js';

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const SHOWN = ['welcome', 'log-in', 'sign-up', 'account with two sessions'];

for (const name of SHOWN) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`${name}, ${size}, ${colorScheme}`, async ({ page }) => {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        await PAGES[name](page);
        const file = `${name.replaceAll(' ', '-')}-${size}-${colorScheme}.png`;
        await page.screenshot({ path: join(process.env.SCREENSHOTS, file), fullPage: true });
      });
    }
  }
}
