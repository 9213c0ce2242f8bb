"""Debian's Authlib against the server at ISSUER, as a machine and as an application with a session."""

import os

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

issuer = os.environ["ISSUER"]
token_endpoint = f"{issuer}/oauth2/token"


def session(client_id, secret, method, **more):
    methods = {"token_endpoint_auth_method": method, "revocation_endpoint_auth_method": method}
    return OAuth2Session(client_id, secret, token_endpoint=token_endpoint, **methods, **more)


nightly = session("nightly", os.environ["NIGHTLY_SECRET"], "client_secret_basic", scope="files:read")
token = nightly.fetch_token(token_endpoint, grant_type="client_credentials")
print("machine", token["scope"])

service = session("files-service", os.environ["SERVICE_SECRET"], "client_secret_basic")
shown = service.introspect_token(f"{issuer}/oauth2/introspect", token=token["access_token"]).json()
print("introspected", shown["active"], shown["sub"])

desk = session("desk", os.environ["DESK_SECRET"], "client_secret_post")
for _ in range(3):
    refresh_token = (desk.token or {}).get("refresh_token", os.environ["REFRESH_TOKEN"])
    desk.refresh_token(token_endpoint, refresh_token=refresh_token, resource="https://files.example")
print("refreshed", desk.token["token_type"])
print("revoked", desk.revoke_token(f"{issuer}/oauth2/revoke", token=desk.token["refresh_token"]).status_code)
try:
    desk.refresh_token(token_endpoint, refresh_token=desk.token["refresh_token"], resource="https://files.example")
except OAuthError as error:
    print("ended", error.error)
