// Sign-up, refresh and logout at a custom policy with Microsoft's own library,
// @azure/msal-node, the way its B2C sample shows them.
import { ConfidentialClientApplication, CryptoProvider, LogLevel } from '@azure/msal-node';

import { signUp } from './person.mjs';

const { AUTHORITY, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, MAILBOX, EMAIL, PASSWORD } = process.env;

const said = [];
const application = new ConfidentialClientApplication({
  auth: {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    authority: AUTHORITY,
    knownAuthorities: [new URL(AUTHORITY).host],
  },
  system: {
    loggerOptions: {
      logLevel: LogLevel.Warning,
      loggerCallback: (_, message) => said.push(message),
    },
  },
});

const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
const scopes = ['openid', 'offline_access', CLIENT_ID];
const address = await application.getAuthCodeUrl({
  scopes,
  redirectUri: REDIRECT_URI,
  codeChallenge: challenge,
  codeChallengeMethod: 'S256',
  state: 'msal-state',
  nonce: 'msal-nonce',
});
const callback = await signUp(address, REDIRECT_URI, MAILBOX, EMAIL, PASSWORD);
const code = callback.searchParams.get('code');
const first = await application.acquireTokenByCode(
  { code, scopes, redirectUri: REDIRECT_URI, codeVerifier: verifier, state: 'msal-state', nonce: 'msal-nonce' },
  { state: callback.searchParams.get('state'), code },
);
const refreshed = await application.acquireTokenSilent({ account: first.account, scopes, forceRefresh: true });
// The library builds no such address; its documents say where to send people.
const out = new URL(`${AUTHORITY}/oauth2/v2.0/logout`);
out.searchParams.set('post_logout_redirect_uri', REDIRECT_URI);
const logout = await fetch(out, { redirect: 'manual' });

console.log(JSON.stringify({
  logout: logout.headers.get('location'),
  claims: first.idTokenClaims,
  account: first.account.homeAccountId,
  is_from_cache: refreshed.fromCache,
  refreshed: refreshed.idTokenClaims,
  said,
}));
