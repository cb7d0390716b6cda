"""Mailchimp's refusals, turned into what to do next. Its `type` says nothing: status, title and detail decide."""

from __future__ import annotations

from datetime import timedelta

from connector.client import Response
from connector.errors import RateLimited, Refused, Retry, Suppressed
from connector.raw import Raw

#: How long an address that "has signed up to a lot of lists very recently" is left alone: hours, not seconds.
THROTTLED_FOR = timedelta(hours=6)
#: At high volume the network in front of the API answers 403 or 429 without JSON.
BUSY_FOR = timedelta(seconds=15)

COMPLIANCE = "Member In Compliance State"
FORGOTTEN = "Forgotten Email Not Subscribed"
UNBELIEVED = "looks fake or invalid"
CROWDED = "signed up to a lot of lists"


class SignupsThrottled(RateLimited):
    """Mailchimp takes no sign-up of this one address for now. Other addresses are not concerned."""


def explain(response: Response) -> Exception | None:
    """What this refusal means beyond its status; None leaves it to the general table."""
    problem = response.decoded()
    if not isinstance(problem, dict):
        if response.status == 403:
            return RateLimited(f"{response.place}: 403 without a reason, too many calls", wait=BUSY_FOR)
        return None
    if response.status != 400:
        return None
    return _bad_request(response, problem)


def _bad_request(response: Response, problem: dict[str, object]) -> Exception | None:
    title, detail = str(problem.get("title", "")), str(problem.get("detail", ""))
    if title == COMPLIANCE:
        return Suppressed(f"{response.place}: the member unsubscribed, bounced or complained", reason="compliance")
    if title == FORGOTTEN:
        return Suppressed(f"{response.place}: the address was permanently deleted here", reason="forgotten")
    if UNBELIEVED in detail:
        return Refused(f"{response.place}: Mailchimp takes the address for a fake one", status=400, body=problem)
    return None


def invalid(error: Refused) -> bool:
    """Did it refuse because the address is one that it will never take."""
    return isinstance(error.body, dict) and UNBELIEVED in str(error.body.get("detail", ""))


def crowded(error: Refused) -> SignupsThrottled | None:
    """Told apart only here: raised while the call is made, it would close the way for everyone."""
    if not (isinstance(error.body, dict) and CROWDED in str(error.body.get("detail", ""))):
        return None
    return SignupsThrottled("the address joined too many lists lately and is not taken for now", wait=THROTTLED_FOR)


def done(response: Response) -> None:
    """Actions answer 204 and nothing else; a 200 page of HTML is somebody in between, not Mailchimp."""
    if response.status != 204:
        raise Retry(f"{response.place}: wanted 204, came {response.status}", in_doubt=True)


def made(response: Response) -> Raw:
    """The object that a write answers with; without one it may have been done or not."""
    body = response.decoded()
    if not isinstance(body, dict):
        raise Retry(f"{response.place}: {response.status} without the object that was written", in_doubt=True)
    return Raw(body)
