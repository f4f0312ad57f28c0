// The program in Debian's Chromium, over http://localhost and over https; a spec for one of them has it in its name.
import { defineConfig } from '@playwright/test';

const projects = [
  { name: 'http', use: { scheme: 'http' }, testIgnore: '*.https.spec.js' },
  { name: 'https', use: { scheme: 'https' }, testIgnore: '*.http.spec.js' },
];

// Pictures are drawn only when somebody asks for them: SCREENSHOTS=../docs npx playwright test --project screenshots
const screenshots = { name: 'screenshots', testDir: 'screenshots', use: { scheme: 'http' } };

export default defineConfig({
  testDir: 'specs',
  projects: process.env.SCREENSHOTS ? [...projects, screenshots] : projects,
  workers: 2,
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  reporter: 'line',
  use: {
    ignoreHTTPSErrors: true,
    launchOptions: {
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
      ],
      // Playwright turns the back-forward cache off; what Back shows can only be tested with it on.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    },
  },
});
