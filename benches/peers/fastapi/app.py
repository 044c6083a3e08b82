"""A sign-up connector with FastAPI and asyncpg, as their documents have it: a
pool made in the lifespan, Basic authentication as a dependency, models for
what comes in and goes out."""

import datetime
import hashlib
import json
import os
import secrets
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

LEGAL_ENTITY = os.environ["LEGAL_ENTITY"]
TENANT = os.environ["TENANT"]
SITE = os.environ["SITE"]
ISSUER = os.environ["ISSUER"]
USERNAME = os.environ["CONNECTOR_USERNAME"].encode()
PASSWORD = os.environ["CONNECTOR_PASSWORD"].encode()

STATEMENTS = Path(__file__).parent.parent
CANDIDATES = (STATEMENTS / "candidates.sql").read_text()
ATTEMPT = (STATEMENTS / "attempt.sql").read_text()
RULES = json.dumps(
    {
        "customer_type": "b2c",
        "unverified_email": "refuse",
        "customer_email": "any",
        "second_identity": "refuse",
        "feed_max_age_minutes": None,
    }
)


@asynccontextmanager
async def lifespan(app: FastAPI):
    # PGHOST, PGUSER and PGDATABASE say where.
    size = int(os.environ["POOL_SIZE"])
    async with asyncpg.create_pool(min_size=1, max_size=size) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)
security = HTTPBasic()


class Identity(BaseModel):
    signInType: str | None = None
    issuer: str | None = None
    issuerAssignedId: str | None = None


class Question(BaseModel):
    step: str
    client_id: str
    email: str
    identities: list[Identity] = []


class Answer(BaseModel):
    version: str = "1.0.0"
    action: str
    userMessage: str | None = None
    extension_CustomerId: str | None = None


async def authenticated(credentials: Annotated[HTTPBasicCredentials, Depends(security)]):
    right_name = secrets.compare_digest(credentials.username.encode(), USERNAME)
    right_password = secrets.compare_digest(credentials.password.encode(), PASSWORD)
    if not (right_name and right_password):
        raise HTTPException(
            status_code=status.HTTP_401_UNAUTHORIZED,
            headers={"WWW-Authenticate": "Basic"},
        )


@app.post(
    "/connectors/{tenant}/user-flow",
    response_model=Answer,
    response_model_exclude_none=True,
    dependencies=[Depends(authenticated)],
)
async def user_flow(tenant: str, question: Question, request: Request, response: Response):
    response.headers["Cache-Control"] = "no-store"
    email = question.email.strip().lower()
    identity = question.identities[0] if question.identities else Identity()
    provider = identity.issuer or "local"
    async with request.app.state.pool.acquire() as connection:
        found = await connection.fetch(
            CANDIDATES, LEGAL_ENTITY, email, 1, False, ISSUER, provider
        )
        customer = found[0] if len(found) == 1 else None
        if customer:
            decision, refusal = "link", None
        elif found:
            decision, refusal = "refuse", "several"
        else:
            decision, refusal = "create", None
        attempt = uuid.uuid4()
        account = identity.issuerAssignedId or ""
        key = "\0".join([SITE, question.step, question.client_id, account, email])
        reference = f"{attempt.hex[:4]}-{attempt.hex[4:8]}".upper()
        await connection.execute(
            ATTEMPT,
            LEGAL_ENTITY,
            attempt,
            hashlib.sha256(key.encode()).digest(),
            reference,
            TENANT,
            SITE,
            question.step,
            datetime.datetime.now(datetime.timezone.utc),
            provider,
            email,
            decision,
            refusal,
            customer["customer_id"] if customer else None,
            len(found),
            "refuse" if refusal else "continue",
            RULES,
        )
    if refusal:
        text = f"We cannot sign you up. Reference: {reference}"
        return Answer(action="ShowBlockPage", userMessage=text)
    if customer:
        return Answer(action="Continue", extension_CustomerId=customer["customer_number"])
    return Answer(action="Continue")
