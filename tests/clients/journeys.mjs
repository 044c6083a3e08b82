// Our custom policies in a real browser, against `idlink emulate` and a service.
// Each chapter begins with a new, empty profile.
//
// Prints a line for each chapter, goes on after one that fails, and ends with an
// error then.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { launch } from './chromium.mjs';

const { TENANT, AUTHORIZE, CALLBACK, SCREENSHOTS } = process.env;
const PASSWORD = 'Correct-horse-1';
const REFERENCE = /[0-9A-Z]{4}-[0-9A-Z]{4}/;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// On the list of policies.
const RUN_NOW = 'a.button[href*="SignUpOrSignIn_Social"]';
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const DESKTOP = { viewport: { width: 1100, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const DARK = { ...DESKTOP, colorScheme: 'dark' };

const browser = await launch();

let failed = 0;
let complaints = [];

async function chapter(title, tell, device = DESKTOP) {
  const context = await browser.newContext({ locale: 'en-US', ...device });
  context.setDefaultTimeout(20_000);
  complaints = [];
  context.on('request', (request) => {
    const isHere = [TENANT, 'data:'].some((place) => request.url().startsWith(place));
    if (!isHere) complaints.push(`asked for ${request.url()}`);
  });
  context.on('page', (page) => {
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A status that is not 200 is meant where it happens.
      const isStatus = message.text().startsWith('Failed to load resource: the server responded');
      if (message.type() === 'error' && !isStatus) complaints.push(message.text());
    });
  });
  const page = await context.newPage();
  try {
    await tell(page);
    assert.deepEqual(complaints, [], 'there is something to complain of');
    console.log(`ok - ${title}`);
  } catch (error) {
    process.exitCode = 1;
    failed += 1;
    await page.screenshot({ path: join(SCREENSHOTS, `journey-failed-${failed}.png`), fullPage: true });
    console.log(`not ok - ${title}, at ${page.url()}`);
    console.log(await page.innerText('body').catch(() => 'no page'));
    console.log(error);
  } finally {
    await context.close();
  }
}

const text = (page, selector) => page.innerText(selector);

// A picture of the page, which must fit the window and be of use to everybody.
async function shot(page, name) {
  const [content, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  if (content > window) complaints.push(`${name} is ${content} wide in a window of ${window}`);
  await page.screenshot({ path: join(SCREENSHOTS, `journey-${name}.png`), fullPage: true });
  // The pages allow no script, so that this one comes by way of the debugger.
  const debug = await page.context().newCDPSession(page);
  const evaluate = (expression) => debug.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  await evaluate(AXE);
  const { result } = await evaluate(`axe.run(document, { runOnly: ${JSON.stringify(RULES)} })`);
  const { violations } = result.value;
  await debug.detach();
  for (const { id, nodes } of violations) complaints.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' ')}`);
}

// ------------------------------------------------------------- at the tenant

const control = async (path) => (await fetch(`${TENANT}__emulator/${path}`)).json();

const codeFor = async (email) => (await control(`mailbox?address=${encodeURIComponent(email)}`)).code;

async function accounts(email) {
  const users = await control('users');
  return users.filter((user) => user.email === email).length;
}

const federatedAccounts = async () => (await control('users')).filter((user) => user.federated).length;

const open = (page, more = '') => page.goto(AUTHORIZE + more);

async function openSignUp(page) {
  await open(page);
  await page.click('#createAccount');
  await page.waitForSelector('#newPassword');
}

async function proveAddress(page, email) {
  await page.fill('#email', email);
  await page.click('#email_ver_but_send');
  await page.fill('#email_ver_input', await codeFor(email));
  await page.click('#email_ver_but_verify');
  await page.waitForSelector('#email_ver_but_edit');
}

async function fillSignUp(page, name) {
  await page.fill('#newPassword', PASSWORD);
  await page.fill('#reenterPassword', PASSWORD);
  await page.fill('#displayName', name);
}

async function signUp(page, email, name) {
  await openSignUp(page);
  await proveAddress(page, email);
  await fillSignUp(page, name);
  await page.click('#continue');
}

async function signIn(page, email, password = PASSWORD) {
  await page.fill('#signInName', email);
  await page.fill('#password', password);
  await page.click('#next');
}

async function throughFacebook(page, { subject, email }) {
  await page.click('#FacebookExchange');
  await page.fill('#issuerUserId', subject);
  await page.fill('#displayName', 'Mina Kaur');
  if (email) await page.fill('#email', email);
  else await page.check('#no_email');
  await page.click('#continue');
}

// --------------------------------------------------------- at the application

const told = (page) => new URL(page.url()).searchParams;

async function isSignedIn(page) {
  await page.waitForURL(`${CALLBACK}*`);
  assert.ok(told(page).get('code'), page.url());
}

async function isCancelled(page) {
  await page.waitForURL(`${CALLBACK}*`);
  assert.equal(told(page).get('error'), 'access_denied');
  assert.match(told(page).get('error_description'), /^AADB2C90091: /);
}

async function newestTrace() {
  const [{ id }] = await control('traces?limit=1');
  return control(`traces/${id}`);
}

async function tokenClaims() {
  const { end } = await newestTrace();
  assert.equal(end?.how, 'tokens');
  return end.claims;
}

async function isLinked(number) {
  const claims = await tokenClaims();
  assert.equal(claims.customerId, number);
  assert.equal(claims.customerLink, 'linked');
}

// ------------------------------------------------------------------- the story

await chapter('a customer signs up, after a wrong code, and signs in again', async (page) => {
  const email = 'ada@northwind.example';
  await open(page);
  await shot(page, 'sign-in');
  await page.click('#createAccount');
  await page.waitForSelector('#newPassword');
  await shot(page, 'sign-up');
  await page.fill('#email', email);
  await page.click('#email_ver_but_send');
  await page.waitForSelector('#email_ver_input');
  await shot(page, 'sign-up-code-sent');
  const code = await codeFor(email);
  await page.fill('#email_ver_input', code === '123456' ? '654321' : '123456');
  await page.click('#email_ver_but_verify');
  assert.match(await text(page, '#claimVerificationServerError'), /code/);
  await shot(page, 'sign-up-wrong-code');
  await page.fill('#email_ver_input', code);
  await page.click('#email_ver_but_verify');
  await page.waitForSelector('#email_ver_but_edit');
  await fillSignUp(page, 'Ada Lindqvist');
  await shot(page, 'sign-up-verified');
  await page.click('#continue');
  await isSignedIn(page);
  await isLinked('US-101');

  await open(page, '&prompt=login');
  await signIn(page, email, 'Wrong-horse-1');
  assert.match(await text(page, '#claimVerificationServerError'), /not correct/);
  assert.equal(await page.inputValue('#password'), '');
  assert.equal(await page.inputValue('#signInName'), email);
  await shot(page, 'sign-in-wrong-password');
  await signIn(page, email);
  await isSignedIn(page);
  await isLinked('US-101');
});

await chapter('what is wrong is said beside its field, and the browser does not stop at it alone', async (page) => {
  const email = 'ada2@northwind.example';
  await openSignUp(page);
  await proveAddress(page, email);
  await page.fill('#newPassword', 'short');
  await page.fill('#reenterPassword', 'short');
  // As a browser that knows nothing of patterns sends it.
  await page.$eval('#attributeVerification', (form) => (form.noValidate = true));
  await page.click('#continue');
  await page.waitForSelector('#newPassword_error');
  await shot(page, 'sign-up-wrong-fields');
  assert.equal(await accounts(email), 0);
});

await chapter('an address that no customer has is refused on the page, and corrected there', async (page) => {
  await signUp(page, 'stranger@nowhere.example', 'Bruno Costa');
  const message = await text(page, '#claimVerificationServerError');
  assert.match(message, /customer_not_found/);
  assert.match(message, REFERENCE);
  await shot(page, 'sign-up-refused');
  assert.equal(await accounts('stranger@nowhere.example'), 0);
  await page.click('#email_ver_but_edit');
  await proveAddress(page, 'bruno@northwind.example');
  await fillSignUp(page, 'Bruno Costa');
  await page.click('#continue');
  await isSignedIn(page);
  await isLinked('US-102');
});

await chapter('whoever comes by way of a provider is linked with its address', async (page) => {
  await open(page);
  await page.click('#FacebookExchange');
  await page.waitForSelector('#issuerUserId');
  await shot(page, 'provider');
  await page.goBack();
  await throughFacebook(page, { subject: 'fb-1', email: 'carla@northwind.example' });
  await page.waitForSelector('#displayName');
  assert.equal(await page.inputValue('#displayName'), 'Mina Kaur');
  await shot(page, 'federated-sign-up');
  await page.click('#continue');
  await isSignedIn(page);
  await isLinked('US-103');
});

await chapter('without an address there is only the blocked page, and no way past it', async (page) => {
  const before = await federatedAccounts();
  await open(page);
  await throughFacebook(page, { subject: 'fb-2' });
  await page.waitForSelector('#customerLinkMessage');
  assert.match(await text(page, '#customerLinkMessage'), /unverified_address/);
  assert.match(await text(page, '#customerLinkMessage'), REFERENCE);
  assert.equal(await page.isVisible('#continue'), false);
  await shot(page, 'blocked');

  // The hidden button's place is taken by a form of the same fields.
  const craft = () =>
    page.evaluate(() => {
      const form = document.querySelector('#attributeVerification');
      for (const button of form.querySelectorAll('button')) button.remove();
      const input = document.createElement('input');
      Object.assign(input, { type: 'hidden', name: 'action', value: 'continue' });
      form.append(input);
      form.submit();
    });
  await Promise.all([page.waitForNavigation(), craft()]);
  await page.waitForSelector('#claimVerificationServerError');
  assert.match(await text(page, '#claimVerificationServerError'), /unverified_address/);
  await shot(page, 'blocked-again');
  assert.equal(await federatedAccounts(), before);
  assert.equal((await newestTrace()).end, null);

  await page.click('#cancel');
  await isCancelled(page);
  assert.equal(await federatedAccounts(), before);
});

await chapter('who cancels comes back to the application', async (page) => {
  await open(page);
  await page.click('#cancel');
  await isCancelled(page);
  await openSignUp(page);
  await page.click('#cancel');
  await isCancelled(page);
});

await chapter('a forgotten password is reset on the way', async (page) => {
  await open(page);
  await page.click('#forgotPassword');
  await page.waitForSelector('#email_ver_but_send');
  await shot(page, 'reset-address');
  await proveAddress(page, 'ada@northwind.example');
  await page.click('#continue');
  await page.waitForSelector('#newPassword');
  await shot(page, 'reset-password');
  await page.fill('#newPassword', 'Correct-horse-2');
  await page.fill('#reenterPassword', 'Correct-horse-2');
  await page.click('#continue');
  await isSignedIn(page);
  await isLinked('US-101');
  await open(page, '&prompt=login');
  await signIn(page, 'ada@northwind.example', 'Correct-horse-2');
  await isSignedIn(page);
});

await chapter('the back button leads back, and forward again', async (page) => {
  await openSignUp(page);
  await page.goBack();
  await page.waitForSelector('#signInName');
  await page.click('#createAccount');
  await page.waitForSelector('#newPassword');
  await page.goBack();
  await signIn(page, 'ada@northwind.example', 'Correct-horse-2');
  await isSignedIn(page);
  // What is over stays as it ended: no second token comes of it.
  const first = told(page).get('code');
  await page.goBack();
  await page.waitForURL(`${CALLBACK}*`);
  assert.equal(told(page).get('code'), first);
});

await chapter('a reload shows the page again and sends nothing twice', async (page) => {
  const email = 'dora@northwind.example';
  await openSignUp(page);
  await page.reload();
  await page.fill('#email', email);
  await page.click('#email_ver_but_send');
  await page.waitForSelector('#email_ver_input');
  await page.reload();
  await page.waitForSelector('#email_ver_input');
  const mails = (await control('mailbox')).filter((mail) => mail.address === email);
  assert.equal(mails.length, 1);
  await page.fill('#email_ver_input', await codeFor(email));
  await page.click('#email_ver_but_verify');
  await page.waitForSelector('#email_ver_but_edit');
  await page.reload();
  assert.equal(await page.inputValue('#email'), email);
  await fillSignUp(page, 'Dora');
  await page.click('#continue');
  await isSignedIn(page);
  await isLinked('US-104');
});

await chapter('two tabs of one browser do not mix up', async (first) => {
  const second = await first.context().newPage();
  await openSignUp(first);
  await openSignUp(second);
  await first.fill('#email', 'emil@northwind.example');
  await first.click('#email_ver_but_send');
  await second.fill('#email', 'flora@northwind.example');
  await second.click('#email_ver_but_send');
  await second.fill('#email_ver_input', await codeFor('emil@northwind.example'));
  await second.click('#email_ver_but_verify');
  await second.waitForSelector('#claimVerificationServerError');
  await second.fill('#email_ver_input', await codeFor('flora@northwind.example'));
  await second.click('#email_ver_but_verify');
  await first.fill('#email_ver_input', await codeFor('emil@northwind.example'));
  await first.click('#email_ver_but_verify');
  await fillSignUp(second, 'Flora');
  await second.click('#continue');
  await isSignedIn(second);
  await isLinked('US-106');
  await fillSignUp(first, 'Emil');
  await first.click('#continue');
  await isSignedIn(first);
  const traces = await control('traces?limit=2');
  const numbers = await Promise.all(traces.map(async ({ id }) => (await control(`traces/${id}`)).end.claims.customerId));
  assert.deepEqual(numbers.sort(), ['US-105', 'US-106']);
});

await chapter('the keyboard is enough, and Enter does what comes next', async (page) => {
  const email = 'gina@northwind.example';
  const press = (key) => page.keyboard.press(key);
  const focus = () => page.evaluate(() => document.activeElement.id);
  // From where the focus is to an element, by Tab alone.
  const tabTo = async (id) => {
    for (let tab = 0; tab < 30 && (await focus()) !== id; tab += 1) {
      await press('Tab');
      const ring = await page.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const { width, height } = element.getBoundingClientRect();
        return { id: element.id, seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2, width, height };
      });
      if (ring.id) assert.ok(ring.seen && ring.width > 2 && ring.height > 2, JSON.stringify(ring));
    }
    assert.equal(await focus(), id);
  };
  await open(page);
  await tabTo('createAccount');
  await press('Enter');
  await page.waitForSelector('#email_ver_but_send');
  await tabTo('email');
  await page.keyboard.type(email);
  await press('Enter');
  await page.waitForSelector('#email_ver_input');
  await tabTo('email_ver_input');
  await page.keyboard.type(await codeFor(email));
  await press('Enter');
  await page.waitForSelector('#email_ver_but_edit');
  await tabTo('newPassword');
  await page.keyboard.type(PASSWORD);
  await tabTo('reenterPassword');
  await page.keyboard.type(PASSWORD);
  await tabTo('displayName');
  await page.keyboard.type('Gina');
  await press('Enter');
  await isSignedIn(page);
  await isLinked('US-107');

  await open(page, '&prompt=login');
  await tabTo('signInName');
  await page.keyboard.type(email);
  await tabTo('password');
  await page.keyboard.type(PASSWORD);
  await press('Enter');
  await isSignedIn(page);

  // On the blocked page Enter leads nowhere but back.
  await open(page, '&prompt=login');
  await tabTo('FacebookExchange');
  await press('Enter');
  await page.waitForSelector('#issuerUserId');
  await tabTo('issuerUserId');
  await page.keyboard.type('fb-3');
  await tabTo('email');
  await page.keyboard.type('nobody@nowhere.example');
  await press('Enter');
  await page.waitForSelector('#customerLinkMessage');
  await tabTo('cancel');
  await press('Enter');
  await isCancelled(page);
});

await chapter('Japanese, from the first page to the reason', async (page) => {
  await open(page, '&ui_locales=ja');
  assert.equal(await page.getAttribute('html', 'lang'), 'ja');
  await shot(page, 'sign-in-japanese');
  await throughFacebook(page, { subject: 'fb-4' });
  await page.waitForSelector('#customerLinkMessage');
  await shot(page, 'blocked-japanese');
});

await chapter(
  'every page fits a phone',
  async (page) => {
    await open(page);
    await shot(page, 'phone-sign-in');
    await page.tap('#createAccount');
    await page.waitForSelector('#newPassword');
    await shot(page, 'phone-sign-up');
    await page.fill('#email', 'somebody.with.a.rather.long.address.that.has.no.place.to.break@nowhere.example');
    await page.tap('#email_ver_but_send');
    await page.waitForSelector('#email_ver_input');
    await shot(page, 'phone-sign-up-code-sent');
    await open(page);
    await page.tap('#FacebookExchange');
    await page.waitForSelector('#issuerUserId');
    await shot(page, 'phone-provider');
    await page.fill('#issuerUserId', 'fb-5');
    await page.check('#no_email');
    await page.tap('#continue');
    await page.waitForSelector('#customerLinkMessage');
    await shot(page, 'phone-blocked');
    await open(page);
    await page.tap('#forgotPassword');
    await page.waitForSelector('#email_ver_but_send');
    await shot(page, 'phone-reset-address');
    await page.goto(TENANT);
    await shot(page, 'phone-policies');
    await page.tap(RUN_NOW);
    await signIn(page, 'ada@northwind.example', 'Correct-horse-2');
    await page.waitForSelector('#signed-in');
    await shot(page, 'phone-signed-in');
  },
  PHONE,
);

await chapter('whoever has no application is shown the claims', async (page) => {
  await page.goto(TENANT);
  await shot(page, 'policies');
  await page.click(RUN_NOW);
  await signIn(page, 'ada@northwind.example', 'Correct-horse-2');
  await page.waitForSelector('#signed-in');
  assert.equal(await text(page, '#claim-customerId'), 'US-101');
  await shot(page, 'signed-in');
  await page.click('#again-link');
  await page.click('#cancel');
  await page.waitForSelector('#not-signed-in');
  await shot(page, 'not-signed-in');
  await page.goto(`${TENANT}__emulator/mailbox`);
  await shot(page, 'mailbox');
});

// One that was refused first, so that there is something of everything.
async function traceOfRefusal() {
  const traces = await control('traces');
  for (const { id } of traces) {
    const trace = await control(`traces/${id}`);
    if (JSON.stringify(trace).includes('page-stays') && trace.end?.claims?.customerId === 'US-102') return id;
  }
  throw new Error('there is no such trace');
}

for (const [name, device] of [['desktop', DESKTOP], ['phone', PHONE], ['dark', DARK]]) {
  await chapter(
    `what happened can be read afterwards: ${name}`,
    async (page) => {
      const id = await traceOfRefusal();
      await page.goto(`${TENANT}__emulator/traces`);
      await shot(page, `traces-${name}`);
      await page.goto(`${TENANT}__emulator/traces/${id}`);
      const shown = await text(page, 'body');
      assert.match(shown, /REST-CustomerLink-CheckLocal/);
      assert.match(shown, /409/);
      const all = await page.content();
      assert.ok(!all.includes(PASSWORD), 'a password is shown');
      await shot(page, `trace-${name}`);
      for (const fold of await page.$$('details')) await fold.evaluate((details) => (details.open = true));
      await shot(page, `trace-open-${name}`);
    },
    device,
  );
}

await chapter('a journey is followed from its page', async (page) => {
  await open(page);
  const [trace] = await Promise.all([page.context().waitForEvent('page'), page.click('#trace-link')]);
  await trace.waitForSelector('.waiting-note');
  await trace.click('text=Hold it still');
  await trace.waitForSelector('text=Watch the journey');
  await shot(trace, 'trace-waiting');
});

await browser.close();
