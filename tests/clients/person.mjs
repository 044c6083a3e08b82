// A person and their browser, without a screen: signs up at the pages of a
// B2C policy, whose ids are those of B2C itself.

// Ends at the address at the application that the browser is sent to.
export async function signUp(address, redirectUri, mailbox, email, password) {
  const browser = new Browser(redirectUri);
  let page = await browser.visit(new URL(address));
  page = await browser.press(page, 'createAccount', {});
  page = await browser.press(page, 'email_ver_but_send', { email });
  const mail = await (await fetch(`${mailbox}?address=${encodeURIComponent(email)}`)).json();
  page = await browser.press(page, 'email_ver_but_verify', { email, email_ver_input: mail.code });
  page = await browser.press(page, 'continue', {
    email,
    newPassword: password,
    reenterPassword: password,
    displayName: 'Ada Lovelace',
    givenName: 'Ada',
    surname: 'Lovelace',
  });
  if (page.html !== undefined) throw new Error(`Nobody was signed up:\n${page.html}`);
  return page.url;
}

class Browser {
  #cookies = new Map();
  #redirectUri;

  constructor(redirectUri) {
    this.#redirectUri = redirectUri;
  }

  async visit(url, form) {
    for (;;) {
      const response = await fetch(url, {
        method: form ? 'POST' : 'GET',
        body: form,
        redirect: 'manual',
        headers: { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') },
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [name, value] = cookie.split(';')[0].split('=');
        this.#cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (!location) return { url, html: await response.text() };
      url = new URL(location, url);
      form = undefined;
      if (url.href.startsWith(this.#redirectUri)) return { url };
    }
  }

  // Presses the button of that id, with the fields filled in.
  press(page, id, fields) {
    const find = (pattern) => page.html.match(pattern)?.[1].replaceAll('&amp;', '&');
    const action = find(new RegExp(`id="${id}" name="action" value="([^"]+)"`));
    if (action === undefined) throw new Error(`There is no button ${id}:\n${page.html}`);
    const form = new URLSearchParams({ csrf: find(/name="csrf" value="([^"]+)"/), ...fields, action });
    return this.visit(new URL(find(/<form[^>]* action="([^"]+)"/), page.url), form);
  }
}
