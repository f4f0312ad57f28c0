"""What schemathesis has to be told: how to log in, and what a refusal may be for that no schema can say.

The environment says whom it plays: LOCKJAR_URL is the service, and LOCKJAR_WHO begins the names of the accounts that it
logs in with; where it is empty, nobody is logged in.
"""

import os
from itertools import count
from unicodedata import category

import requests
import schemathesis

URL, WHO = os.environ["LOCKJAR_URL"], os.environ["LOCKJAR_WHO"]
SECRET = os.environ["LOCKJAR_SECRET"]
PASSWORD = "gravel umbrella seventeen"

# Each depends on more than the text, or on a rule that would be no shorter as a pattern (RFC 8265).
BEYOND_A_SCHEMA = {
    "audience_unknown",
    "email_not_valid",
    "password_common",
    "password_made_of_names",
    "password_wrong",
    "token_not_good",
    "username_not_allowed",
}


def is_positive(case) -> bool:
    return bool(case.meta) and case.meta.generation.mode.is_positive


@schemathesis.check
def a_refusal_of_what_the_schema_allows_is_beyond_a_schema(ctx, response, case):
    """Otherwise the schema could say it, and does not."""
    if response.status_code == 422 and is_positive(case):
        unexplained = {issue["type"] for issue in response.json()["detail"]} - BEYOND_A_SCHEMA
        assert not unexplained, f"refused for {sorted(unexplained)}, which the schema should say"


@schemathesis.check
def only_control_characters_make_a_form_unreadable(ctx, response, case):
    """In the names of a multipart form's parts; everything else that the schema allows can be read."""
    if response.status_code == 400 and is_positive(case):
        names = "".join(case.body) if case.media_type == "multipart/form-data" else ""
        assert any(category(letter) == "Cc" for letter in names), "what the schema allows cannot be read"


@schemathesis.check
def nothing_changes_by_a_request_from_elsewhere(ctx, response, case):
    """The guard stands before everything else: it is 403 whatever else is wrong."""
    is_safe = response.request.method in ("GET", "HEAD", "OPTIONS")
    if "Origin" in response.request.headers and not is_safe:
        assert response.status_code == 403, f"{response.status_code} to {response.request.method} from elsewhere"


@schemathesis.check
def a_refusal_says_what_to_do(ctx, response, case):
    """A 401 names a scheme (RFC 9110, 15.5.2), and who is to come again is told when."""
    if response.status_code == 401:
        assert response.headers.get("www-authenticate"), "401 without WWW-Authenticate"
    if response.status_code in (429, 503):
        assert response.headers.get("retry-after"), f"{response.status_code} without Retry-After"


def sign_up(name: str) -> dict[str, str]:
    answer = requests.post(f"{URL}/register", data={"username": name, "password": PASSWORD}, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.cookies.get_dict()


def replace(body, fields: dict[str, str]):
    """Puts what is right in the place of what was made up, in every second body that has a text for all of it."""
    texts = [body.get(field) for field in fields] if isinstance(body, dict) else []
    if texts and all(isinstance(text, str) and text for text in texts) and len(texts[0]) % 2:
        return body | fields
    return body


if WHO:
    numbers = count()
    sign_up(f"{WHO}-logs-in")

    @schemathesis.auth(refresh_interval=None)
    class LoggedIn:
        """A new account as soon as the session of the last one has ended: what ends sessions is asked too."""

        cookies: dict[str, str] = {}

        def get(self, case, ctx):
            if requests.get(f"{URL}/me", cookies=self.cookies, timeout=30).status_code != 200:
                self.cookies = sign_up(f"{WHO}-{next(numbers)}")
            return self.cookies

        def set(self, case, cookies, ctx):
            """What the document names for the route, and nothing else."""
            names = {parameter.name for parameter in case.operation.security.iter_parameters()}
            case.cookies = {**(case.cookies or {}), **{name: cookies[name] for name in names & cookies.keys()}}
            if "Authorization" in names:
                case.headers["Authorization"] = f"Bearer {SECRET}"

    @schemathesis.hook("map_body").apply_to(name="POST /password")
    def map_current_password(ctx, body):
        return replace(body, {"current_password": PASSWORD})

    @schemathesis.hook("map_body").apply_to(name="POST /login")
    def map_credentials(ctx, body):
        return replace(body, {"username": f"{WHO}-logs-in", "password": PASSWORD})

    @schemathesis.hook("map_body").apply_to(name="POST /token")
    def map_audience(ctx, body):
        return replace(body, {"audience": "reports"})
