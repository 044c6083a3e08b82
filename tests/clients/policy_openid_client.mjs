// Sign-up, refresh and logout at a custom policy with npm's openid-client, the
// way its README shows them. The library checks the tokens.
import * as client from 'openid-client';

import { signUp } from './person.mjs';

const { METADATA_URL, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, MAILBOX, EMAIL, PASSWORD } = process.env;

const config = await client.discovery(new URL(METADATA_URL), CLIENT_ID, CLIENT_SECRET);
client.enableNonRepudiationChecks(config);

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

const callback = await signUp(address, REDIRECT_URI, MAILBOX, EMAIL, PASSWORD);
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
const tokens = await client.authorizationCodeGrant(config, callback, checks);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const logout = client.buildEndSessionUrl(config, { post_logout_redirect_uri: REDIRECT_URI, state });
const out = await fetch(logout, { redirect: 'manual' });

// A code is good once.
let again;
try {
  await client.authorizationCodeGrant(config, callback, checks);
} catch (error) {
  again = error.error;
}

console.log(JSON.stringify({
  issuer: config.serverMetadata().issuer,
  claims: tokens.claims(),
  refreshed: refreshed.claims(),
  logout: out.headers.get('location'),
  again,
}));
