// Debian's Chromium, as it starts on a machine without a screen.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright-core';

const { CHROMIUM, PATH } = process.env;

export function launch() {
  return chromium.launch({
    executablePath: chromiumPath(),
    // Chromium's sandbox does not run as root, and CI does. Nothing but pages of
    // this machine is opened.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

function chromiumPath() {
  if (CHROMIUM) return CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const places = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error('No browser: install chromium, or set CHROMIUM to the program.');
  return found;
}
