"""Who asks, and what would only cost time. Loaded by schemathesis."""

import json
import os
import urllib.request
import uuid

import schemathesis

URL = os.environ["KANSO_URL"]

# A pull may wait for this long in a test. Milliseconds.
LONGEST_WAIT = 20


def post(path, body):
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


# Cases end sessions and delete accounts, so every few seconds somebody new asks.
@schemathesis.auth(refresh_interval=5)
class SomebodyNew:
    def get(self, case, context):
        person = {"email": f"{uuid.uuid4()}@example.org", "password": "a password for one run"}
        post("/api/v1/auth/register", person)
        return post("/api/v1/auth/login", person)["token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


def shortened(members):
    """What a request asks for, without asking the server to wait for long."""
    if not isinstance(members, dict):
        return members
    # A wait that is too long, or is no number, is to be refused and stays.
    if str(members.get("wait_ms")).isdecimal() and int(members["wait_ms"]) <= 25_000:
        return {**members, "wait_ms": min(int(members["wait_ms"]), LONGEST_WAIT)}
    return members


@schemathesis.hook
def before_call(context, case, kwargs):
    case.query = shortened(case.query)
    case.body = shortened(case.body)
