"""Sign-up, refresh and logout at a custom policy with PyPI's authlib, the way its
documentation shows them. The ID token is checked by joserfc and authlib's rules.

Prints one JSON object."""

import html
import json
import os
import re
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

ENV = os.environ


def sign_up(address):
    """The address at the application that the browser is sent to."""
    browser = requests.Session()
    page = browser.get(address)
    page = press(browser, page, "createAccount", {})
    page = press(browser, page, "email_ver_but_send", {"email": ENV["EMAIL"]})
    mail = requests.get(ENV["MAILBOX"], params={"address": ENV["EMAIL"]}).json()
    code = {"email": ENV["EMAIL"], "email_ver_input": mail["code"]}
    page = press(browser, page, "email_ver_but_verify", code)
    person = {
        "email": ENV["EMAIL"],
        "newPassword": ENV["PASSWORD"],
        "reenterPassword": ENV["PASSWORD"],
        "displayName": "Ada Lovelace",
    }
    end = press(browser, page, "continue", person, follow=False)
    return end.headers["location"]


def press(browser, page, button, fields, follow=True):
    def find(pattern):
        found = re.search(pattern, page.text)
        assert found, f"{pattern} is not on the page:\n{page.text}"
        return html.unescape(found.group(1))

    form = {
        **fields,
        "csrf": find(r'name="csrf" value="([^"]+)"'),
        "action": find(rf'id="{button}" name="action" value="([^"]+)"'),
    }
    target = urljoin(page.url, find(r'<form[^>]* action="([^"]+)"'))
    return browser.post(target, data=form, allow_redirects=follow)


def checked(token, keys, issuer, nonce):
    decoded = jwt.decode(token, keys, algorithms=["RS256"])
    options = {
        "iss": {"values": [issuer]},
        "aud": {"value": ENV["CLIENT_ID"]},
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, {"nonce": nonce})
    claims.validate()
    return dict(claims)


metadata = requests.get(ENV["METADATA_URL"]).json()
session = OAuth2Session(
    ENV["CLIENT_ID"],
    ENV["CLIENT_SECRET"],
    scope="openid offline_access",
    redirect_uri=ENV["REDIRECT_URI"],
    code_challenge_method="S256",
    token_endpoint_auth_method="client_secret_post",
)
verifier = "a-code-verifier-that-is-long-enough-for-the-rfc-7636"
address, state = session.create_authorization_url(
    metadata["authorization_endpoint"], code_verifier=verifier, nonce="authlib-nonce"
)
callback = sign_up(address)
assert parse_qs(urlsplit(callback).query)["state"] == [state]
tokens = session.fetch_token(
    metadata["token_endpoint"], authorization_response=callback, code_verifier=verifier, state=state
)
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"]).json())
claims = checked(tokens["id_token"], keys, metadata["issuer"], "authlib-nonce")
refreshed = session.refresh_token(metadata["token_endpoint"], tokens["refresh_token"])
again = checked(refreshed["id_token"], keys, metadata["issuer"], None)
out = requests.get(
    metadata["end_session_endpoint"],
    params={"post_logout_redirect_uri": ENV["REDIRECT_URI"], "state": "bye"},
    allow_redirects=False,
)
print(
    json.dumps(
        {
            "issuer": metadata["issuer"],
            "claims": claims,
            "refreshed": again,
            "logout": out.headers["location"],
        }
    )
)
