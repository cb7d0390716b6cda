"""One person, twenty rules: what the three-valued rule language costs beside the same rules written by hand."""

from __future__ import annotations

from itertools import islice

from bench import by_hand
from bench.figure import Figure, rate
from bench.people import NOW, VOCABULARY, facts_of, images, rules
from connector.rules import Context, judge_all

PEOPLE = 4_000


def measure(runs: int) -> list[Figure]:
    people = [facts_of(image) for image in islice(images(PEOPLE), PEOPLE)]
    judge = judge_all(rules())
    context = Context(now=NOW, zone=VOCABULARY.zone)
    for facts in people:  # both say the same, or the comparison is void
        assert judge(facts, context) == by_hand.judge(facts)
    ours, peer = [], []
    for _ in range(runs):
        ours.append(rate(lambda: [judge(facts, context) for facts in people], PEOPLE * 20))
        peer.append(rate(lambda: [by_hand.judge(facts) for facts in people], PEOPLE * 20))
    against = "hand-written Python, no unknowns"
    against = "hand-written Python, no unknowns"
    return [Figure(name="decisions", unit="rules judged/s", ours=ours, peer=peer, against=against)]
