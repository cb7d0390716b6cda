"""Nothing acts on unknown: random people with holes in what we know, random rules, cadences and suppressions, through the
whole house to the platforms.

Two people are alike in everything until, for one of them, some of what we know is gone. By the rules for *and*, *or* and
*not* a hole can only turn an answer into *unknown*, so whatever is then done to the one with holes is done to the other too.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import decide
from connector.flow import Action, Verb
from connector.rules import Cadence, compile_tree
from connector.store import Tx
from connector.store.mirror import Image

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

NOW = "2026-11-23T09:00:00.000000Z"
SETTINGS = """
version: 1
time_zone: Europe/London
database: keepwarm.db
quiet_hours: {from: "23:00", to: "23:01", days_off: [sunday]}
vocabulary: {stages: [applied, onsite], regions: {wales: [], kent: []}, skills: {icu: [], rn: []}}
accounts:
  ats: {platform: invented}
  mailer: {platform: invented}
messages:
  news: {by: event, account: mailer, event: news}
  ward: {by: journey, account: mailer, journey: "1", step: "2"}
  letter: {by: campaign, account: mailer, subject_line: News, from_name: Us, reply_to: us@example.org}
"""
#: Verbs that reach a candidate, or put them where they can be reached.
REACHING = frozenset({Verb.UPSERT_MEMBER, Verb.SEND_EVENT, Verb.START_JOURNEY})

# people

ago = st.integers(0, 40).map(
    lambda days: f"2026-{(11 if days < 22 else 10):02}-{1 + (22 - days) % 28:02}T09:00:00.000000Z"
)
applications = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["rejected", "rejected", "active", "withdrawn"]),
        "scorecard_average": st.sampled_from([2.0, 4.0]),
        "decided": ago,
        "furthest_stage": st.sampled_from(["applied", "onsite"]),
    }
)
whole = st.fixed_dictionaries(
    {
        "region": st.sampled_from(["wales", "kent"]),
        "open_to_remote": st.booleans(),
        "years_experience": st.sampled_from([1.0, 5.0]),
        "employment": st.sampled_from(["none", "none", "none", "hired"]),
        "last_activity": ago,
        "consent.email": st.sampled_from([True, True, True, False]),
        "unsubscribed": st.sampled_from([False, False, False, True]),
        "skills": st.sets(st.sampled_from(["icu", "rn"]), min_size=1).map(frozenset),
        "applications": st.lists(applications, min_size=1, max_size=2),
    }
)
HOLES = ("region", "open_to_remote", "years_experience", "employment", "last_activity", "consent.email", "unsubscribed",
         "skills", "status", "scorecard_average", "decided", "furthest_stage")  # fmt: skip
holes = st.sets(st.sampled_from(HOLES), min_size=1, max_size=4)


def with_holes(facts: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    """The same person, of whom less is known."""
    left = {name: None if name in gone else value for name, value in facts.items()}
    left["applications"] = [
        {name: None if name in gone else value for name, value in row.items()} for row in facts["applications"]
    ]
    return left


# rules

spans = st.sampled_from(["7 days", "14 days", "1 month"])
lines = st.one_of(
    st.builds(lambda word: {"region": word}, st.sampled_from(["wales", "kent"])),
    st.builds(lambda word: {"region": {"none_of": [word]}}, st.sampled_from(["wales", "kent"])),
    st.builds(lambda word: {"open_to_remote": word}, st.sampled_from(["yes", "no"])),
    st.builds(lambda n: {"years_experience": {"at_least": n}}, st.sampled_from(["1", "3"])),
    st.builds(lambda word: {"employment": word}, st.sampled_from(["hired", "none"])),
    st.builds(lambda op, span: {"last_activity": {op: span}}, st.sampled_from(["within_last", "more_than_ago"]), spans),
    st.builds(lambda op: {"skills": {op: ["icu"]}}, st.sampled_from(["any_of", "none_of", "all_of"])),
    st.builds(
        lambda how, row: {f"{how}_application": row},
        st.sampled_from(["has", "has_no", "latest"]),
        st.sampled_from(
            [
                {"status": "rejected"},
                {"status": "rejected", "scorecard_average": {"at_least": "3"}},
                {"decided": {"within_last": "14 days"}},
                {"furthest_stage": {"at_least": "onsite"}, "status": {"none_of": ["active"]}},
            ]
        ),
    ),
    st.just({"has_application": {"status": "rejected", "count": {"at_most": "1"}}}),
)
#: Of everybody true, while it is known.
easy: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"years_experience": {"at_least": "0"}},
        {"any": [{"region": "wales"}, {"region": "kent"}]},
        {"skills": {"any_of": ["icu", "rn"]}},
    ]
)
blocks = st.one_of(easy, lines) | st.recursive(
    lines,
    lambda inner: st.builds(
        lambda word, some, line: {**line, word: some},
        st.sampled_from(["any", "all", "none"]),
        st.lists(inner, min_size=1, max_size=2),
        lines,
    ),
    max_leaves=3,
)


@st.composite
def rule_sets(draw: st.DrawFn) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 3))):
        who = dict(draw(blocks))
        if number and draw(st.booleans()):
            who["tags"] = {draw(st.sampled_from(["any_of", "none_of"])): [f"t{number - 1}"]}
        rule: dict[str, Any] = {
            "rule": f"r{number}",
            "who": who,
            "keep": {
                draw(st.sampled_from(["tags", "pools"])): [f"p{number}"],
                "tags": [f"t{draw(st.integers(number, 3))}"],
            },
        }
        if draw(st.booleans()):
            rule["unless"] = draw(lines)
        if draw(st.integers(0, 3)) == 0:
            rule["linger"] = "3 days"
        rules.append(rule)
    rules.append({"rule": "greet", "who": draw(blocks), "do": {"event": "welcome"}, "again": "always"})
    event = {
        "event": "application_decided",
        "application": {"status": draw(st.sampled_from(["rejected", "withdrawn"]))},
    }
    rules.append({"rule": "told", "when": event, "who": draw(blocks), "do": {"event": "decided"}})
    cadence: dict[str, Any] = {
        "cadence": "daily",
        "who": draw(st.one_of(blocks, st.just({"years_experience": {"at_least": "0"}}))),
        "send": {"every": "1 day", "first": "0 days", "rotate": [{"template": "news"}], "when_all_seen": "start_again"},
        "come_back": "always",
    }
    cadence["send"]["rotate"] += [{"template": "ward", "only_if": draw(lines)}, {"template": "letter"}]
    if draw(st.booleans()):
        cadence["stop_when"] = draw(lines)
    made: dict[str, Any] = {"version": "1", "rules": rules, "cadences": [cadence]}
    if draw(st.booleans()):
        made["suppress"] = [
            {"suppress": "s", "who": draw(blocks), "stops": draw(st.sampled_from(["marketing", "everything"]))}
        ]
    return made


def mailable(facts: Mapping[str, Any]) -> bool:
    """Whoever is not, also because we do not know any more, is let go of in every audience: in a pool, somebody else than
    we could write to them."""
    return facts["consent.email"] is True and facts["unsubscribed"] is False


# the house


@contextmanager
def lived_in(build: type[Home], rules: Mapping[str, Any]) -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        home = build(Path(folder), rules=json.dumps(rules), settings=SETTINGS)
        try:
            yield home
        finally:
            home.close()


class World:
    """The house with its people, whose facts are put where a platform's news would have put them."""

    def __init__(self, home: Home, cast: Cast, names: Sequence[str]) -> None:
        self.home = home
        self.facts: dict[str, Mapping[str, Any]] = {}
        self.log: list[tuple[str, Action]] = []
        home.tell("ats", *(cast.candidate(name, f"{name}@example.org", contact_allowed=True) for name in names))
        self.people = {name: home.person("ats", name) for name in names}
        for platform in home.platforms.values():
            platform.watch = self._look

    def _look(self, action: Action) -> None:
        """What reaches somebody was agreed to: consent unknown, or an opt-out that may be, never sends."""
        if action.subject is None:
            return
        name = action.subject.id.partition("@")[0]
        if action.verb in REACHING or (action.verb is Verb.ADD_TAG and action.subject.kind == "member"):
            assert self.facts[name]["consent.email"] is True, (action.verb, self.facts[name])
            assert self.facts[name]["unsubscribed"] is False, (action.verb, self.facts[name])
        self.log.append((name, action))

    def know(self, facts: Mapping[str, Mapping[str, Any]]) -> None:
        self.facts |= facts

        def put(tx: Tx) -> None:
            tx.mirror.put([self._image(name, known) for name, known in facts.items()])
            tx.mirror.end_consents(self.home.now)

        self.home.store.write(put)

    def _image(self, name: str, facts: Mapping[str, Any]) -> Image:
        known = {key: value for key, value in facts.items() if key not in ("skills", "applications")}
        rows = [{"id": f"{name}-{n}", **row} for n, row in enumerate(facts["applications"])]
        return Image(person=self.people[name], facts=known, words={"skills": facts["skills"] or ()},
                     children={"applications": rows}, name=name, email=f"{name}@example.org")  # fmt: skip

    def act(self) -> None:
        """All that is due at this moment is decided; then, the clock moving on but nobody deciding anew, all of it goes."""
        decide.tick(self.home.store, self.home.house.desk.bench, now=self.home.now)
        before = {row["key"] for row in self.home.rows("select key from outbox")}
        self.home.settle()
        for row in self.home.rows("select * from outbox"):
            if row["key"] not in before and row["person"] is not None:
                self._known(row)
        self._fitting()
        self._enrolled()
        self.home.now += timedelta(hours=1)
        self.home.push()

    def _known(self, row: Mapping[str, Any]) -> None:
        """Whoever asked for this act was sure of it."""
        bench = self.home.house.desk.bench
        with self.home.store.reading() as tx:
            facts = tx.mirror.facts_of([row["person"]])[row["person"]]
            standing = {rule: it for (rule, _), it in tx.ledger.standing([row["person"]]).items()}
        context = bench.court.context(self.home.now, answers=bench.court.answers(facts, standing, now=self.home.now))
        if row["verb"] == "remove_tag" and row["account"] == "mailer" and not mailable(facts):
            return  # whatever the rule says
        asking = [it for it in bench.court.rules.entries if it.name == row["rule"]]
        tag = json.loads(row["args"]).get("tag")
        if row["verb"] == "remove_tag" and not str(tag).startswith("kw-"):
            asking += [it for it in bench.rules if it.keep and tag in (*it.keep.tags, *it.keep.pools)]
        for entry in asking:
            assert bench.court.judge(entry, facts, context) is not None, (row["verb"], entry.name, facts)
            if isinstance(entry, Cadence) and row["verb"] != "remove_tag":
                assert bench.court.stops(entry.name, facts, context) is False

    def _enrolled(self) -> None:
        """Whoever joined or left a cadence just now did so for what we know."""
        court = self.home.house.desk.bench.court
        for cadence in court.rules.cadences:
            with self.home.store.reading() as tx:
                fresh = [it for it in tx.schedule.enrolments(cadence=cadence.name) if it.changed_at == self.home.now]
                facts = tx.mirror.facts_of([it.person for it in fresh])
            for it in fresh:
                context = court.context(self.home.now)
                matches = court.judge(cadence, facts[it.person], context)
                stops = court.stops(cadence.name, facts[it.person], context)
                if it.state == "active" and it.joined_at == self.home.now:
                    assert (matches, stops) == (True, False), it
                elif it.state == "stopped":
                    assert matches is False or stops is True, it

    def _fitting(self) -> None:
        """No piece of a rotation went to somebody of whom we do not know that it is for them."""
        court = self.home.house.desk.bench.court
        for cadence in court.rules.cadences:
            numbers = {piece.template: number for number, piece in enumerate(cadence.send.rotate)}
            for row in self.home.rows("select * from messages where state = 'queued' and template <> ''"):
                with self.home.store.reading() as tx:
                    facts = tx.mirror.facts_of([row["person"]])[row["person"]]
                piece = cadence.send.rotate[numbers[row["template"]]]
                context = court.context(self.home.now)
                assert piece.only_if is None or compile_tree(piece.only_if)(facts, context) is True, piece.template

    def done(self, name: str, since: int) -> Counter[tuple[str, ...]]:
        """What was done to somebody, without what tells two people apart. Which piece of a rotation it was depends on
        what is known; that there was one at all must not."""
        return Counter(_kind(action) for who, action in self.log[since:] if who == name)


def _kind(action: Action) -> tuple[str, ...]:
    said = [str(action.args[key]) for key in ("tag", "event", "journey") if key in action.args]
    if action.verb is not Verb.REMOVE_TAG and (said in (["news"], ["1"]) or any(it.startswith("kw-") for it in said)):
        return "message", action.account
    return action.verb.value, action.account, *said


slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@slow
@given(
    rules=rule_sets(),
    before=whole,
    after=whole,
    gone=holes,
    hours=st.sampled_from([0, 23, 24, 24, 24 * 5]),
)
def test_knowing_less_never_does_more(
    home_class: type[Home],
    cast: Cast,
    rules: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    gone: set[str],
    hours: int,
) -> None:
    with lived_in(home_class, rules) as home:
        world = World(home, cast, ["whole", "holed"])
        world.know({"whole": before, "holed": before})
        home.settle()
        home.apply()
        world.act()
        assert world.done("whole", 0) == world.done("holed", 0)
        since = len(world.log)
        home.now += timedelta(hours=hours)
        world.know({"whole": after, "holed": with_holes(after, gone)})
        world.act()
        more = world.done("holed", since) - world.done("whole", since)
        if not mailable(world.facts["holed"]):
            more = Counter({key: n for key, n in more.items() if key[:2] != ("remove_tag", "mailer")})
        assert not more, more


@slow
@given(
    rules=rule_sets(),
    states=st.lists(st.tuples(whole, holes | st.just(set()), st.integers(0, 30)), min_size=2, max_size=5),
)
def test_no_act_is_asked_for_by_a_rule_that_does_not_know(
    home_class: type[Home], cast: Cast, rules: dict[str, Any], states: list[tuple[dict[str, Any], set[str], int]]
) -> None:
    with lived_in(home_class, rules) as home:
        world = World(home, cast, ["somebody"])
        for number, (facts, gone, hours) in enumerate(states):
            world.know({"somebody": with_holes(facts, gone)})
            if number == 0:
                home.settle()
                home.apply()
            world.act()
            home.now += timedelta(hours=hours)


def test_people_of_whom_enough_is_known_are_acted_upon(home_class: type[Home], cast: Cast) -> None:
    """Else the properties above would hold of a house that does nothing."""
    rules = {
        "version": "1",
        "rules": [
            {"rule": "r0", "who": {"region": "wales"}, "keep": {"tags": ["t0"], "pools": ["p0"]}},
            {"rule": "greet", "who": {"region": "kent"}, "do": {"event": "welcome"}},
        ],
        "cadences": [
            {
                "cadence": "daily",
                "who": {"years_experience": {"at_least": "0"}},
                "send": {
                    "every": "1 day",
                    "first": "0 days",
                    "rotate": [{"template": "news"}],
                    "when_all_seen": "start_again",
                },
            }
        ],
    }
    facts = {
        "region": "wales", "open_to_remote": True, "years_experience": 5.0, "employment": "none", "last_activity": NOW,
        "consent.email": True, "unsubscribed": False, "skills": frozenset({"icu"}), "applications": [],
    }  # fmt: skip
    with lived_in(home_class, rules) as home:
        world = World(home, cast, ["whole", "holed"])
        world.know({"whole": facts, "holed": facts})
        home.settle()
        home.apply()
        world.act()
        home.now += timedelta(days=1)
        world.know({"whole": facts | {"region": "kent"}, "holed": facts | {"region": None, "consent.email": None}})
        world.act()
        whole_ = world.done("whole", 0)
    assert whole_["add_tag", "ats", "t0"] == 1
    assert whole_["add_tag", "mailer", "p0"] == 1
    assert whole_["remove_tag", "ats", "t0"] == 1
    assert whole_["message", "mailer"] == 2
    assert whole_["send_event", "mailer", "welcome"] == 1
    assert not [key for key in world.done("holed", 0) if key[:2] == ("remove_tag", "ats")]
    assert world.done("holed", 0)["message", "mailer"] == 1
