// Swagger UI from the program itself, under the program's own Content-Security-Policy.
import { newPerson } from '../support/people.js';
import { expect, test } from '../support/test.js';

const operation = (page, method, path) =>
  page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${path}"]`) });

/** Fills in and sends one operation; each is open to be tried out from the start. */
async function tryOut(page, method, path, fill = async () => {}) {
  const block = operation(page, method, path);
  await block.locator('.opblock-summary-control').click();
  await fill(block);
  await block.getByRole('button', { name: 'Execute' }).click();
  return block.locator('.live-responses-table');
}

test("'Try it out' logs in and opens the protected route", async ({ page, context, lockjar }) => {
  const complaints = [];
  const requests = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));

  const person = newPerson();
  expect((await page.request.post('/register', { form: person })).status()).toBe(201);
  await context.clearCookies();
  await page.goto('/docs');

  const login = await tryOut(page, 'post', '/login', async (block) => {
    const kind = block.getByRole('combobox', { name: 'Request content type' });
    await kind.selectOption('application/x-www-form-urlencoded');
    for (const [name, value] of Object.entries(person)) {
      await block.getByRole('textbox', { name, exact: true }).fill(value);
    }
  });
  await expect(login).toContainText('200');
  await expect(login).toContainText('Logged in');

  const hello = await tryOut(page, 'get', '/protected');
  await expect(hello).toContainText('200');
  await expect(hello).toContainText('Hello, your token is');

  expect(complaints).toEqual([]);
  const elsewhere = requests.filter((url) => !url.startsWith(lockjar.url) && !url.startsWith('data:'));
  expect(elsewhere).toEqual([]);
});
