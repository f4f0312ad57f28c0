// How the pages look and read does not depend on the scheme, so that once is enough.
import AxeBuilder from '@axe-core/playwright';

import { PAGES } from '../support/pages.js';
import { newPerson } from '../support/people.js';
import { expect, test } from '../support/test.js';

const SIZES = { phone: { width: 320, height: 640 }, desktop: { width: 1280, height: 800 } };

for (const [name, open] of Object.entries(PAGES)) {
  test(`${name}: axe finds nothing, light and dark, on phone and desktop`, async ({ page }) => {
    await open(page);
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ['light', 'dark']) {
        // Colours that are still changing have no contrast to measure.
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const { violations } = await new AxeBuilder({ page }).analyze();
        const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
        expect(found, `${size}, ${colorScheme}`).toEqual([]);
      }
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `sideways scroll on ${size}`).toBe(0);
    }
  });
}

test('the whole log-in works from the keyboard, and focus can be seen', async ({ page }) => {
  const person = newPerson();
  expect((await page.request.post('/register', { form: person })).status()).toBe(201);
  await page.context().clearCookies();
  await page.goto('/login');
  await page.getByLabel('Username').focus();
  await page.keyboard.type(person.username);
  await page.keyboard.press('Tab');
  await page.keyboard.type(person.password);
  const outline = await page.evaluate(() => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
    return { drawn: outlineStyle !== 'none' && outlineWidth !== '0px', shadow: boxShadow !== 'none' };
  });
  expect(outline.drawn || outline.shadow).toBe(true);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/account/);
});

test('a refused form says so in the title and puts the focus where to begin', async ({ page }) => {
  await PAGES['refused log-in'](page);
  await expect(page).toHaveTitle(/^Error: /);
  const focused = page.locator(':focus');
  await expect(focused).toHaveAttribute('id', /username|password/);
  await expect(focused).toHaveAttribute('aria-describedby', /alert|error/);
});
