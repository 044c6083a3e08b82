"""A sign-in and a refresh with PyPI's authlib, the way its documentation shows
them. Nothing here knows idlink but by the address of a site's metadata.

Prints one JSON object: what the library returned, or the error it raised.
"""

import json
import os
import re
import secrets
from urllib.parse import urljoin

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

# The tenant of this test is on this machine, without TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
given = os.environ


def main():
    metadata = requests.get(given["METADATA_URL"], timeout=20).json()
    session = OAuth2Session(
        given["CLIENT_ID"],
        given["CLIENT_SECRET"],
        token_endpoint_auth_method=f"client_secret_{given['CLIENT_AUTH']}",
        scope="openid offline_access",
        redirect_uri=given["REDIRECT_URI"],
        code_challenge_method="S256",
    )
    verifier = secrets.token_urlsafe(48)
    nonce = secrets.token_urlsafe(24)
    address, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    callback = sign_in(address)
    token_endpoint = metadata["token_endpoint"]
    try:
        token = session.fetch_token(
            token_endpoint,
            authorization_response=callback,
            state=state,
            code_verifier=verifier,
        )
        claims = id_token_claims(token, metadata, nonce)
        refreshed = session.refresh_token(token_endpoint, token["refresh_token"])
    except OAuthError as error:
        return {"error": error.error, "error_description": error.description}
    return {
        "token_endpoint": token_endpoint,
        "claims": claims,
        "customer_id": token["customer_id"],
        "customer_link": token["customer_link"],
        "refreshed": {
            "subject": id_token_claims(refreshed, metadata, None)["sub"],
            "customer_id": refreshed["customer_id"],
            "customer_link": refreshed["customer_link"],
        },
    }


def id_token_claims(token, metadata, nonce):
    """Signature, issuer, audience, times, nonce and at_hash."""
    keys = requests.get(metadata["jwks_uri"], timeout=20).json()
    decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"])
    parameters = {"client_id": given["CLIENT_ID"], "access_token": token["access_token"]}
    if nonce:
        parameters["nonce"] = nonce
    options = {
        "iss": {"essential": True, "value": metadata["issuer"]},
        "aud": {"essential": True, "value": given["CLIENT_ID"]},
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
    claims.validate(leeway=0)
    return dict(claims)


def sign_in(address):
    """The person and the browser: opens the sign-in page, fills in its form,
    and returns the address at the application that the browser ends at."""
    browser = requests.Session()
    page = browser.get(address, timeout=20)
    action = re.search(r'id="localAccountForm"[^>]* action="([^"]+)"', page.text)[1]
    form = {
        "csrf": re.search(r'name="csrf" value="([^"]+)"', page.text)[1],
        "action": "continue",
        "signInName": given["EMAIL"],
        "password": given["PASSWORD"],
    }
    answer = browser.post(urljoin(page.url, action), data=form, allow_redirects=False, timeout=20)
    while not answer.headers.get("location", given["REDIRECT_URI"]).startswith(given["REDIRECT_URI"]):
        answer = browser.get(
            urljoin(answer.url, answer.headers["location"]), allow_redirects=False, timeout=20
        )
    if "location" not in answer.headers:
        raise SystemExit(f"The tenant signed nobody in:\n{answer.text}")
    return answer.headers["location"]


print(json.dumps(main()))
