"""A FastAPI application. Debian: python3-fastapi, python3-uvicorn, python3-jwt and python3-cryptography; PyPI: fastapi,
uvicorn and PyJWT[crypto]. (Not called fastapi.py, which would stand before the package of that name.)"""

import os
from typing import Optional
from urllib.error import URLError

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:4000")
PORT = int(os.environ.get("PORT", "3000"))

# The key set is cached for 300 seconds. Every unknown key id causes a request at once.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300)
# With auto_error, FastAPI would answer 403 if there is no token.
bearer = HTTPBearer(auto_error=False)


def verify(token: str) -> dict:
    """The claims of a good access token. Raises a jwt.PyJWTError where it is none, or there is no key."""
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


async def caller(credentials: Optional[HTTPAuthorizationCredentials] = Depends(bearer)) -> dict:
    """A dependency: the claims of the caller."""
    if credentials is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    try:
        # PyJWKClient fetches with urllib, which would block the event loop.
        return await run_in_threadpool(verify, credentials.credentials)
    except jwt.PyJWTError as error:
        # If the keys cannot be fetched, the token may still be valid.
        if isinstance(error.__context__, URLError):
            raise HTTPException(503, headers={"Retry-After": "5"}) from None
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None


def scope(needed: str):
    """A dependency: the claims of a caller whose token has this scope."""

    async def check(claims: dict = Depends(caller)) -> dict:
        if needed in claims["scope"].split(" "):
            return claims
        challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
        raise HTTPException(403, headers={"WWW-Authenticate": challenge})

    return check


app = FastAPI()


@app.get("/reports")
async def reports(claims: dict = Depends(scope("reports:read"))):
    return {"sub": claims["sub"]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
