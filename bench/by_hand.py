"""The twenty rules of rules20.yaml as a programmer would write them for this one team: no unknowns, no reasons, no change
of mind. What the rule language costs is measured against this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.people import NOW, VOCABULARY
from connector.clock import Span, stamp

Facts = Mapping[str, Any]


def _since(count: int) -> str:
    return stamp(Span(count, "month").since(NOW, VOCABULARY.zone))


M3, M6, M12, M18, M24 = (_since(months) for months in (3, 6, 12, 18, 24))
N = stamp(NOW)
ONSITE = {"onsite", "final", "offer"}
FINAL = {"final", "offer"}
BAD = {"misconduct", "failed_background_check"}


def _silver(p: Facts) -> bool:
    return p["employment"] != "hired" and any(
        a["status"] == "rejected"
        and a["furthest_stage"] in ONSITE
        and a["scorecard_average"] >= 3.5
        and a["rejection_reason"] not in BAD
        and M18 <= a["decided"] <= N
        for a in p["applications"]
    )


RULES: dict[str, Callable[[Facts], bool]] = {
    "silver-medallist": _silver,
    "nurses-north-west": lambda p: "nursing" in p["functions"] and p["region"] == "north west",
    "engineers": lambda p: "engineering" in p["functions"],
    "finalists-twice": lambda p: sum(a["furthest_stage"] in ONSITE for a in p["applications"]) >= 2,
    "gone-quiet": lambda p: p["last_activity"] < M24 and not any(a["status"] == "active" for a in p["applications"]),
    "may-be-mailed": lambda p: p["consent.email"] and not p["unsubscribed"],
    "icu": lambda p: "icu" in p["skills"],
    "python-or-go": lambda p: "python" in p["skills"] or "go" in p["skills"],
    "theatre-and-icu": lambda p: "theatre" in p["skills"] and "icu" in p["skills"],
    "experienced": lambda p: p["years_experience"] >= 8,
    "remote-engineers": lambda p: p["open_to_remote"] and "engineering" in p["functions"],
    "declined-our-offer": lambda p: any(a["offer"] == "declined" for a in p["applications"]),
    "withdrew-late": lambda p: any(
        a["status"] == "withdrawn" and a["furthest_stage"] in FINAL for a in p["applications"]
    ),
    "referred": lambda p: "referral" in p["sources"],
    "new-this-year": lambda p: M12 <= p["first_seen"] <= N,
    "not-written-to": lambda p: p["last_contacted"] < M6 and p["consent.email"],
    "strong-and-near": lambda p: (
        p["region"] in ("north west", "yorkshire") and any(a["scorecard_average"] >= 4 for a in p["applications"])
    ),
    "yorkshire": lambda p: p["region"] in ("yorkshire", "wales") and not p["private"],
    "applied-lately": lambda p: any(M3 <= a["applied"] <= N for a in p["applications"]),
    "hired-elsewhere": lambda p: (
        p["employment"] == "none"
        and any(a["status"] == "rejected" and M6 <= a["decided"] <= N for a in p["applications"])
    ),
}


def judge(facts: Facts) -> dict[str, bool]:
    return {name: bool(rule(facts)) for name, rule in RULES.items()}
