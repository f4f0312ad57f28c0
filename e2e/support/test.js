// The fixtures of every spec: a program to talk to, and people to sign up.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test as base } from '@playwright/test';

import { startAttacker } from './attacker.js';
import { makeCertificate } from './certificate.js';
import { startLockjar, startUnguarded } from './lockjar.js';

export { expect };

const worker = { scope: 'worker' };

export const test = base.extend({
  scheme: ['http', { option: true, ...worker }],

  /** What the program is started with beside its address. */
  settings: [[], { option: true, ...worker }],

  folder: [
    async ({}, use) => {
      const folder = mkdtempSync(join(tmpdir(), 'lockjar-e2e-'));
      await use(folder);
      rmSync(folder, { recursive: true });
    },
    worker,
  ],

  /** Undefined over http. */
  certificate: [
    async ({ scheme, folder }, use) => use(scheme === 'https' ? makeCertificate(folder) : undefined),
    worker,
  ],

  lockjar: [
    async ({ folder, certificate, settings }, use) =>
      running(await startLockjar(folder, certificate, ...settings), use),
    worker,
  ],
  attacker: [async ({ certificate }, use) => running(await startAttacker(certificate), use), worker],
  unguarded: [
    async ({ folder, certificate }, use) => running(await startUnguarded(folder, certificate), use),
    worker,
  ],

  baseURL: async ({ lockjar }, use) => use(lockjar.url),

  /** Opens another browser, which shares no cookie with the first. */
  newDevice: async ({ browser, baseURL, javaScriptEnabled }, use) => {
    const contexts = [];
    await use(async (userAgent) => {
      const context = await browser.newContext({
        baseURL,
        javaScriptEnabled,
        userAgent,
        ignoreHTTPSErrors: true,
      });
      contexts.push(context);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});

async function running(server, use) {
  await use(server);
  await server.stop();
}
