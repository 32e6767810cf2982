// A script in a page of its own, in the Chromium at hand: for what is tested of the package itself in a
// browser, where `chromium.ts` runs frozen modules.
import { existsSync } from 'node:fs';
import { ARGS } from './chromium.ts';
import { chromiumExecutable, loadDriver } from './engines.ts';

export function browserAtHand(): boolean {
  return existsSync(chromiumExecutable()) && loadDriver() !== undefined;
}

/** Runs `script`, then gives what the promise of `expression` comes to, as JSON would have it. */
export async function inPage(script: string, expression: string): Promise<unknown> {
  const driver = loadDriver();
  if (driver === undefined) throw new Error('node scripts/engines.mjs --chromium');
  const browser = await driver.chromium.launch({ executablePath: chromiumExecutable(), args: ARGS });
  try {
    const page = await (await browser.newContext()).newPage();
    await page.goto('about:blank');
    return await page.evaluate(`(async () => { ${script}\nreturn await (${expression}); })()`);
  } finally {
    await browser.close();
  }
}
