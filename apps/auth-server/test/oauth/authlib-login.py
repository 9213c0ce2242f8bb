"""Debian's Authlib as the client CLIENT_ID of ISSUER: it prints where the user has to go, and reads where the user was led."""

import os
import sys

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

issuer = os.environ["ISSUER"]
secret = os.environ.get("CLIENT_SECRET")
method = "client_secret_basic" if secret else "none"
resource = {"resource": "https://files.example"}

client = OAuth2Session(
    os.environ["CLIENT_ID"],
    secret,
    redirect_uri=os.environ["REDIRECT_URI"],
    scope="files:read",
    code_challenge_method="S256",
    token_endpoint=f"{issuer}/oauth2/token",
    token_endpoint_auth_method=method,
    revocation_endpoint_auth_method=method,
)
verifier = generate_token(48)
link, state = client.create_authorization_url(f"{issuer}/oauth2/authorize", code_verifier=verifier, **resource)
print(link, flush=True)

callback = sys.stdin.readline().strip()
token = client.fetch_token(authorization_response=callback, state=state, code_verifier=verifier, **resource)
print("logged in", token["scope"], token["token_type"])
for _ in range(3):
    client.refresh_token(client.metadata["token_endpoint"], refresh_token=client.token["refresh_token"], **resource)
print("refreshed", client.token["refresh_token"] != token["refresh_token"])
last = client.token["refresh_token"]
print("revoked", client.revoke_token(f"{issuer}/oauth2/revoke", token=last).status_code)
try:
    client.refresh_token(client.metadata["token_endpoint"], refresh_token=last, **resource)
except OAuthError as error:
    print("ended", error.error)
