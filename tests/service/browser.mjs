// Opens the service's page in Chromium and does there what a person does: node browser.mjs CONFIG, a JSON object with
// {packages, chromium, url, scenario, scenarios (their file), theme, width, ...}. Prints what it saw as JSON: what the
// scenario returns, and every request, every complaint of the browser and every dialog on the way.
import { pathToFileURL } from 'node:url';
import { readFile } from 'node:fs/promises';

const config = JSON.parse(process.argv[2]);
const { chromium } = await import(pathToFileURL(`${config.packages}/playwright-core/package/index.mjs`));
const scenarios = await import(config.scenarios ?? './browser_scenarios.mjs');
config.axe = await readFile(`${config.packages}/axe-core/package/axe.min.js`, 'utf8');

const seen = { requests: [], complaints: [], dialogs: [], failures: [] };
const browser = await chromium.launch({ executablePath: config.chromium, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const context = await browser.newContext({
    viewport: { width: config.width ?? 1280, height: config.height ?? 900 },
    colorScheme: config.theme ?? 'light',
    javaScriptEnabled: config.scenario !== 'withoutScript',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  context.on('request', (request) => seen.requests.push(request.url()));
  // Chromium itself notes each answer that is no 200; those are asked for here.
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource')) {
      seen.complaints.push(message.text());
    }
  });
  context.on('weberror', (error) => seen.complaints.push(String(error.error())));
  context.on('dialog', (dialog) => {
    seen.dialogs.push(dialog.message());
    dialog.dismiss();
  });
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
  });
  await page.goto(`${config.url}/${config.hash ?? ''}`);
  seen.result = await scenarios[config.scenario](page, config, context);
  if (config.scenario !== 'withoutScript') {
    seen.violations = await page.evaluate(() => window.violations);
    seen.scripts = await page.evaluate(() => document.scripts.length);
  }
  if (config.screenshot) await page.screenshot({ path: config.screenshot, fullPage: config.fullPage ?? false });
} catch (error) {
  seen.failures.push(String(error.stack));
} finally {
  // What a scenario still answers in the service's place ends with the browser, and is no failure of it.
  for (const context of browser.contexts()) {
    await context.unrouteAll({ behavior: 'ignoreErrors' });
    for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
  }
  await browser.close();
}
console.log(JSON.stringify(seen));
