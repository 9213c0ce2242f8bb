"""A WSGI application. Debian: python3-jwt and python3-cryptography; PyPI: PyJWT[crypto]."""

import json
import os
from urllib.error import URLError
from wsgiref.simple_server import make_server

import jwt

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:4000")
PORT = int(os.environ.get("PORT", "3000"))

# The key set is cached for 300 seconds. Every unknown key id causes a request at once.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300)


def authenticate(header):
    """The claims of the caller. Raises a jwt.PyJWTError where there is no good token, or no key."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise jwt.InvalidTokenError("no token")
    # PyJWT does not check the type.
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        issuer=ISSUER,
        audience="resource-api",
        leeway=10,
        # Missing claims are not checked unless they are required.
        options={"require": ["exp", "iat", "iss", "aud", "sub", "client_id", "scope"]},
    )


def application(environ, start_response):
    def answer(status, headers=(), body=b""):
        start_response(status, [("Content-Length", str(len(body))), *headers])
        return [body]

    try:
        caller = authenticate(environ.get("HTTP_AUTHORIZATION", ""))
    except jwt.PyJWTError as error:
        # If the keys cannot be fetched, the token may still be valid.
        if isinstance(error.__context__, URLError):
            return answer("503 Service Unavailable", [("Retry-After", "5")])
        return answer("401 Unauthorized", [("WWW-Authenticate", 'Bearer error="invalid_token"')])
    if "reports:read" not in caller["scope"].split(" "):
        return answer("403 Forbidden", [("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="reports:read"')])
    return answer("200 OK", [("Content-Type", "application/json")], json.dumps({"sub": caller["sub"]}).encode())


if __name__ == "__main__":
    make_server("127.0.0.1", PORT, application).serve_forever()
