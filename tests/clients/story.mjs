// The story of idlink in a real browser: people sign up at two shops, staff
// approves from a terminal. Each chapter begins with a new, empty profile.
//
// Prints a line for each chapter and ends with an error at the first that fails.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { devices } from 'playwright-core';

import { launch } from './chromium.mjs';

const { TRADE, SHOP, TENANT, EXTERNAL, IDLINK, DATA_DIR, SCREENSHOTS } = process.env;
const PASSWORD = 'Correct-horse-1';
const REFERENCE = /[0-9A-Z]{4}-[0-9A-Z]{4}/;

const browser = await launch();

async function chapter(title, tell, device = { viewport: { width: 1100, height: 900 } }) {
  const context = await browser.newContext({ locale: 'en-US', ...device });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A status that is not 200 is meant where it happens.
    const isStatus = message.text().startsWith('Failed to load resource: the server responded');
    if (message.type() === 'error' && !isStatus) complaints.push(message.text());
  });
  try {
    await tell(page);
    assert.deepEqual(complaints, [], 'the browser complained');
    console.log(`ok - ${title}`);
  } catch (error) {
    await shot(page, 'failed');
    console.log(`not ok - ${title}, at ${page.url()}`);
    console.log(await page.innerText('body').catch(() => 'no page'));
    throw error;
  } finally {
    await context.close();
  }
}

const shot = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });

const idlink = async (...words) => (await promisify(execFile)(IDLINK, ['--data-dir', DATA_DIR, ...words])).stdout;

const text = (page, selector) => page.innerText(selector);

// ------------------------------------------------------------- at the tenant

const TENANTS = { 'custom-policy': TENANT, 'user-flow': TENANT, 'external-id': EXTERNAL };

async function begin(page, shop, way = 'user-flow') {
  await page.goto(shop);
  await page.click(`#sign-in-${way}`);
}

async function openSignUp(page, shop, way) {
  await begin(page, shop, way);
  await page.click('#createAccount');
}

// Types the address, and proves it with the code that was sent there.
async function proveAddress(page, email, way = 'user-flow') {
  await page.fill('#email', email);
  await page.click('#email_ver_but_send');
  const mailbox = await page.context().newPage();
  await mailbox.goto(`${TENANTS[way]}__emulator/mailbox?address=${encodeURIComponent(email)}`);
  const code = await text(mailbox, '.mail:first-child .code');
  await mailbox.close();
  await page.fill('#email_ver_input', code);
  await page.click('#email_ver_but_verify');
  await page.waitForSelector('#email_ver_but_edit');
}

// What is asked for once the address is proven. External ID asks on a page of
// its own, and a person who is certain to be refused does not come to it.
async function giveDetails(page, name, way) {
  if (way === 'external-id') {
    await page.click('#continue');
    if (await page.isVisible('#block-message')) return;
  }
  await page.fill('#newPassword', PASSWORD);
  await page.fill('#reenterPassword', PASSWORD);
  await page.fill('#displayName', name);
  await page.click('#continue');
}

async function signUp(page, shop, email, name, way) {
  await openSignUp(page, shop, way);
  await proveAddress(page, email, way);
  await giveDetails(page, name, way);
}

async function signIn(page, shop, email, password, way) {
  await begin(page, shop, way);
  await page.fill('#signInName', email);
  await page.fill('#password', password);
  await page.click('#next');
}

async function accounts(email) {
  const users = await (await fetch(`${TENANT}__emulator/users`)).json();
  return users.filter((user) => user.email === email).length;
}

async function tokenEndpoint(fault) {
  const answer = await fetch(`${TENANT}__emulator/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fault),
  });
  assert.equal(answer.status, 204);
}

// -------------------------------------------------------------- what is seen

async function isLinked(page, number) {
  assert.match(await text(page, '#customer-id'), number);
  assert.equal(await page.getAttribute('#customer-link', 'data-link'), 'linked');
}

// Returns the reference that the page shows.
async function isBlocked(page, words) {
  const message = await text(page, '#block-message');
  assert.match(message, words);
  assert.match(message, REFERENCE);
  return message.match(REFERENCE)[0];
}

async function isRefusedAfterSignIn(page, words) {
  const message = await text(page, '#user-message');
  assert.match(message, words);
  const reference = await text(page, '#reference');
  assert.ok(message.includes(reference), message);
  return reference;
}

async function fitsTheWindow(page, name) {
  const [content, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= window, `${name} is ${content} wide in a window of ${window}`);
  await shot(page, name);
}

// ------------------------------------------------------------------ the story

await chapter('a known address at the B2B shop is linked, and stays so', async (page) => {
  await page.goto(TRADE);
  await shot(page, 'shop-signed-out');
  await openSignUp(page, TRADE);
  await shot(page, 'tenant-sign-up');
  await signUp(page, TRADE, 'Ada@Northwind.example', 'Ada Lindqvist');
  await isLinked(page, /^US-101$/);
  await shot(page, 'shop-linked');
  await page.click('#sign-out');
  await page.waitForSelector('#nobody');
  await signIn(page, TRADE, 'ada@northwind.example', PASSWORD);
  await isLinked(page, /^US-101$/);
  assert.match(await idlink('customer', 'show', 'US-101'), /link .* US-101/);
});

await chapter('an unknown address at the B2B shop is blocked, and no account is made', async (page) => {
  const email = 'stranger@nowhere.example';
  await signUp(page, TRADE, email, 'A Stranger');
  const reference = await isBlocked(page, /could not find a customer account at Contoso Trade/);
  await shot(page, 'tenant-block-page');
  assert.equal(await accounts(email), 0);
  assert.match(await idlink('attempt', 'show', reference), /CommerceIdentityNotFound/);
});

await chapter('an unknown address at the B2C shop becomes a customer', async (page) => {
  await signUp(page, SHOP, 'newcomer@nowhere.example', 'Nia Newcomer');
  await isLinked(page, /^C\d{6}$/);
  await shot(page, 'shop-created');
  const number = await text(page, '#customer-id');
  assert.match(await idlink('customer', 'show', number), /created at a sign-up/);
});

await chapter('an address that two customers share is blocked at both shops', async (page) => {
  await signUp(page, TRADE, 'buying@fabrikam.example', 'Chen Wei');
  await isBlocked(page, /More than one customer account at Contoso Trade/);
  await shot(page, 'tenant-ambiguous');
  await signUp(page, SHOP, 'family@woodgrove.example', 'Jo Woodgrove');
  await isBlocked(page, /More than one customer account at Contoso Shop/);
  assert.equal(await accounts('buying@fabrikam.example'), 0);
  assert.equal(await accounts('family@woodgrove.example'), 0);
});

async function comeThrough(page, provider, email, subject) {
  await begin(page, TRADE);
  await page.click(`[id="${provider}"]`);
  await page.fill('#email', email);
  await page.fill('#issuerUserId', subject);
  await page.click('#continue');
}

await chapter('an address that only Facebook vouches for is blocked; Google may', async (page) => {
  const email = 'bruno@northwind.example';
  await comeThrough(page, 'facebook.com', email, 'fb-1');
  await isBlocked(page, /could not confirm that this email address belongs to you/);
  await shot(page, 'tenant-unverified');
  assert.equal(await accounts(email), 0);
  await comeThrough(page, 'google.com', email, 'g-1');
  await page.fill('#displayName', 'Bruno Costa');
  await page.click('#continue');
  await isLinked(page, /^US-102$/);
});

await chapter('a waiting customer is told so after sign-in, and linked once approved', async (page) => {
  await signIn(page, TRADE, 'grace@tailspin.example', 'Tailspin-2026');
  await isRefusedAfterSignIn(page, /sign-up was successful, but we could not find/);
  await shot(page, 'shop-refused');
  await idlink('customer', 'approve', 'US-105');
  await page.click('#sign-in');
  await isLinked(page, /^US-105$/);
});

await chapter('who signed up while linking was off is linked after approval', async (page) => {
  await idlink('feature', 'disable');
  await signUp(page, TRADE, 'early@adatum.example', 'Ed Early');
  assert.equal(await page.getAttribute('#customer-link', 'data-link'), 'none');
  await shot(page, 'shop-without-link');
  await idlink('feature', 'enable');
  const entered = ['--type', 'b2b', '--email', 'early@adatum.example', '--number', 'US-301'];
  await idlink('customer', 'add', ...entered, '--pending');
  await page.click('#sign-in');
  await isRefusedAfterSignIn(page, /sign-up was successful/);
  await idlink('customer', 'approve', 'US-301');
  await page.click('#sign-in');
  await isLinked(page, /^US-301$/);
});

await chapter('with a custom policy the account of the user flow signs in, and is the same customer', async (page) => {
  await signIn(page, TRADE, 'ada@northwind.example', PASSWORD, 'custom-policy');
  await isLinked(page, /^US-101$/);
  await shot(page, 'shop-custom-policy');
  await page.goto(await page.getAttribute('#trace-link', 'href'));
  assert.match(page.url(), /__emulator\/traces\//);
  await shot(page, 'trace-custom-policy');
});

await chapter('with a custom policy a stranger is told so on the page, and may correct the address', async (page) => {
  await signUp(page, TRADE, 'stranger@elsewhere.example', 'A Stranger', 'custom-policy');
  const message = await text(page, '#claimVerificationServerError');
  assert.match(message, /could not find a customer account at Contoso Trade/);
  await shot(page, 'policy-refused');
  const reference = message.match(REFERENCE)[0];
  assert.match(await idlink('attempt', 'show', reference), /CommerceIdentityNotFound/);
  await page.click('#email_ver_but_edit');
  await proveAddress(page, 'ines@adatum.example', 'custom-policy');
  await giveDetails(page, 'Ines Moreau', 'custom-policy');
  await isLinked(page, /^US-108$/);
});

await chapter('with a custom policy, too, the word of Facebook does not do', async (page) => {
  await begin(page, TRADE, 'custom-policy');
  await page.click('#FacebookExchange');
  await page.fill('#email', 'dora@nowhere.example');
  await page.fill('#issuerUserId', 'fb-2');
  await page.click('#continue');
  const told = await text(page, 'main');
  assert.match(told, /could not confirm that this email address belongs to you/);
  assert.match(told, REFERENCE);
  await shot(page, 'policy-blocked');
  await page.click('#cancel');
  assert.match(await text(page, '#notice'), /You cancelled/);
});

await chapter('with External ID the same customer signs up once more', async (page) => {
  await openSignUp(page, TRADE, 'external-id');
  await shot(page, 'external-sign-up');
  await signUp(page, TRADE, 'ada@northwind.example', 'Ada Lindqvist', 'external-id');
  await isLinked(page, /^US-101$/);
  await shot(page, 'shop-external-id');
  await page.goto(await page.getAttribute('#trace-link', 'href'));
  await shot(page, 'trace-external-id');
});

await chapter('with External ID a stranger is blocked at the B2B shop, and becomes a customer at the other', async (page) => {
  await signUp(page, TRADE, 'wanderer@nowhere.example', 'Wim Wanderer', 'external-id');
  await isBlocked(page, /could not find a customer account at Contoso Trade/);
  await shot(page, 'external-block-page');
  await signUp(page, SHOP, 'wanderer@nowhere.example', 'Wim Wanderer', 'external-id');
  await isLinked(page, /^C\d{6}$/);
});

await chapter('the whole way speaks Japanese to who asks for it', async (page) => {
  await page.goto(`${TRADE}?lang=ja`);
  await shot(page, 'shop-japanese');
  await page.click('#sign-in-user-flow');
  assert.match(page.url(), /journey/);
  assert.equal(await page.getAttribute('html', 'lang'), 'ja');
  await page.click('#createAccount');
  await proveAddress(page, 'shiranai@nowhere.example');
  await giveDetails(page, '見知らぬ人');
  await isBlocked(page, /お客様情報がContoso Tradeに見つかりませんでした/);
  await shot(page, 'tenant-block-page-japanese');
});

for (const way of ['custom-policy', 'external-id']) {
  await chapter(`a stranger reads Japanese with ${way}, too`, async (page) => {
    await page.goto(`${TRADE}?lang=ja`);
    await page.click(`#sign-in-${way}`);
    assert.equal(await page.getAttribute('html', 'lang'), 'ja');
    await page.click('#createAccount');
    await proveAddress(page, `shiranai-${way}@nowhere.example`, way);
    await giveDetails(page, '見知らぬ人', way);
    const message = await text(page, '#claimVerificationServerError, #block-message');
    assert.match(message, /お客様情報がContoso Tradeに見つかりませんでした/);
    await shot(page, `japanese-${way}`);
  });
}

await chapter('who cancels comes back to the shop', async (page) => {
  await begin(page, SHOP);
  await page.click('#cancel');
  assert.match(await text(page, '#notice'), /You cancelled/);
});

await chapter('while the tenant redeems nothing, the shop asks for patience', async (page) => {
  await tokenEndpoint({ token: { mode: 'down' } });
  try {
    await signIn(page, TRADE, 'ada@northwind.example', PASSWORD);
    assert.match(await text(page, '#notice'), /not possible right now/);
    await shot(page, 'shop-unavailable');
  } finally {
    await tokenEndpoint({});
  }
  await page.click('#sign-in');
  await isLinked(page, /^US-101$/);
});

await chapter(
  'every page fits a phone',
  async (page) => {
    await page.goto(SHOP);
    await fitsTheWindow(page, 'phone-shop');
    await page.click('#sign-in-user-flow');
    await fitsTheWindow(page, 'phone-sign-in');
    await signUp(page, SHOP, 'nora@lakeside.example', 'Nora Weiss');
    await isLinked(page, /^US-202$/);
    await page.click('summary');
    await fitsTheWindow(page, 'phone-linked');
    await signIn(page, TRADE, 'nora@lakeside.example', PASSWORD);
    // The same legal entity, and the identity is linked there already.
    await isLinked(page, /^US-202$/);
    await page.click('#sign-out');
    await page.waitForSelector('#nobody');
    await signUp(page, TRADE, 'other@nowhere.example', 'Somebody Else');
    await isBlocked(page, /could not find/);
    await fitsTheWindow(page, 'phone-block-page');
  },
  devices['Pixel 7'],
);

await browser.close();
