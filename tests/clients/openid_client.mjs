// A sign-in and a refresh with npm's openid-client, the way its README shows
// them. Nothing here knows idlink but by the address of a site's metadata.
//
// Prints one JSON object: what the library returned, or the error it threw.
import * as client from 'openid-client';

const { METADATA_URL, CLIENT_ID, CLIENT_SECRET, CLIENT_AUTH, REDIRECT_URI, EMAIL, PASSWORD } = process.env;

const authentication = CLIENT_AUTH === 'basic' ? client.ClientSecretBasic : client.ClientSecretPost;
const config = await client.discovery(new URL(METADATA_URL), CLIENT_ID, undefined, authentication(CLIENT_SECRET), {
  // The tenant of this test is on this machine, without TLS.
  execute: [client.allowInsecureRequests],
});

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: REDIRECT_URI,
  scope: 'openid offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
});

try {
  const callback = await signIn(address);
  const tokens = await client.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  });
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  print({
    token_endpoint: config.serverMetadata().token_endpoint,
    claims: tokens.claims(),
    customer_id: tokens.customer_id,
    customer_link: tokens.customer_link,
    refreshed: {
      subject: refreshed.claims().sub,
      customer_id: refreshed.customer_id,
      customer_link: refreshed.customer_link,
    },
  });
} catch (error) {
  if (!(error instanceof client.ResponseBodyError)) throw error;
  const { name, status, error: code, error_description, cause } = error;
  print({ name, status, error: code, error_description, body: cause });
}

// The person and the browser: opens the sign-in page, fills in its form, and
// returns the address at the application that the browser ends at.
async function signIn(address) {
  const cookies = new Map();
  const visit = async (url, form) => {
    for (;;) {
      const response = await fetch(url, {
        method: form ? 'POST' : 'GET',
        body: form,
        redirect: 'manual',
        headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [name, value] = cookie.split(';')[0].split('=');
        cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (!location) return { url, html: await response.text() };
      url = new URL(location, url);
      form = undefined;
      if (url.href.startsWith(REDIRECT_URI)) return { url };
    }
  };
  const page = await visit(address);
  const field = (pattern) => page.html.match(pattern)?.[1];
  const form = new URLSearchParams({
    csrf: field(/name="csrf" value="([^"]+)"/),
    action: 'continue',
    signInName: EMAIL,
    password: PASSWORD,
  });
  const end = await visit(new URL(field(/id="localAccountForm"[^>]* action="([^"]+)"/), page.url), form);
  if (end.html !== undefined) throw new Error(`The tenant signed nobody in:\n${end.html}`);
  return end.url;
}

function print(result) {
  console.log(JSON.stringify(result));
}
