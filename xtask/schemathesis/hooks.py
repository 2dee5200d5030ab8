"""Accounts for the generated requests, and shorter waits. Loaded by schemathesis."""

import json
import os
import urllib.request
import uuid

import schemathesis

URL = os.environ["KANSO_URL"]

# Longest wait of a pull in this run, in milliseconds.
LONGEST_WAIT = 20


def post(path, body):
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


# Cases end sessions and delete accounts, so a new account is registered every few seconds.
@schemathesis.auth(refresh_interval=5)
class FreshAccount:
    def get(self, case, context):
        account = {"email": f"{uuid.uuid4()}@example.org", "password": "a password for one run"}
        post("/api/v1/auth/register", account)
        return post("/api/v1/auth/login", account)["token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


def shortened(members):
    """Returns the members of a request with a short wait."""
    if not isinstance(members, dict):
        return members
    # An invalid wait stays as it is, because the server must refuse it.
    if str(members.get("wait_ms")).isdecimal() and int(members["wait_ms"]) <= 25_000:
        return {**members, "wait_ms": min(int(members["wait_ms"]), LONGEST_WAIT)}
    return members


@schemathesis.hook
def before_call(context, case, kwargs):
    case.query = shortened(case.query)
    case.body = shortened(case.body)
