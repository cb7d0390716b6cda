"""The whole road over real HTTP: somebody acts in a platform, and what follows from it can be read in the platforms."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from connector.model import Gone, Ref

if TYPE_CHECKING:
    from tests.story.conftest import Theatre

AMINA, BEN = "amina.story@example.org", "ben.story@example.org"


def nearly_hired(it: Theatre, email: str, name: str) -> str:
    """Somebody applies, comes as far as the final panel, is liked, and is turned down."""
    until = (it.clock() + timedelta(days=900)).date().isoformat()
    consent = {"consent_until": {"name": "Consent until", "type": "date", "value": until}}
    candidate = it.act("hospital", "apply", email=email, first_name=name, custom_fields=consent)["candidate"]
    for stage in ("Phone Screen", "Onsite Interview", "Final Panel"):
        it.act("hospital", "move", candidate=candidate, stage=stage)
    it.act("hospital", "score", candidate=candidate, rating="strong_yes")
    it.act("hospital", "reject", candidate=candidate, reason="Stronger candidate chosen")
    return str(candidate)


def test_a_rejection_comes_in_by_webhook_and_tags_members_and_messages_go_out(theatre: Theatre) -> None:
    it = theatre
    amina, ben = nearly_hired(it, AMINA, "Amina"), nearly_hired(it, BEN, "Ben")

    # tag and note in the ATS, member and pool in the audience, with no further command
    for candidate, email in ((amina, AMINA), (ben, BEN)):
        it.until(partial(it.effects, "hospital", "add_note", subject=candidate))
        it.until(partial(it.on_bench, email))
        it.quiet()
        assert [one["detail"]["tag"] for one in it.effects("hospital", "add_tag", subject=candidate)] == [
            "silver-medallist"
        ]
        assert len(it.effects("hospital", "add_note", subject=candidate)) == 1
        assert it.member(email)["status"] == "subscribed"
        assert it.mailed(email) == []

    # the first message two weeks on, as a campaign; a quarter later a journey
    it.next_message()
    assert it.mailed(AMINA) == it.mailed(BEN) == ["campaign"]
    it.next_message()
    assert it.mailed(AMINA) == it.mailed(BEN) == ["campaign", "journey"]

    # Ben leaves through the link in the mail: nothing reaches him any more
    it.act("newsletter", "unsubscribe", email=BEN)
    it.until(lambda: it.objected(BEN))
    it.next_message()
    assert it.mailed(AMINA) == ["campaign", "journey", "event"]
    assert it.mailed(BEN) == ["campaign", "journey"]
    assert it.member(BEN)["status"] == "unsubscribed"

    # somebody merges Ben's second record into his first: what he said stays said
    twin = it.act("hospital", "apply", email="ben.twin@example.org", first_name="Ben")["candidate"]
    it.until(lambda: it.rows("select 1 from candidates where id = ?", twin))
    it.act("hospital", "merge", candidate=ben, into=twin)
    it.until(lambda: not it.rows("select 1 from candidates where id = ?", ben))
    it.quiet()
    facts = it.rows("select p.unsubscribed from people p join candidates c on c.person = p.id where c.id = ?", twin)
    assert facts == [{"unsubscribed": 1}]

    # Amina is hired after all: her tag and her place on the bench go
    it.act("hospital", "unreject", candidate=amina)
    it.act("hospital", "hire", candidate=amina)
    it.until(lambda: it.effects("hospital", "remove_tag", subject=amina))
    it.until(lambda: not it.on_bench(AMINA))

    # Ben is to be forgotten
    it.act("hospital", "anonymise", candidate=twin)
    it.until(lambda: not it.rows("select 1 from candidates where id = ?", twin))
    it.quiet()
    with it.house.store.reading() as tx:
        assert isinstance(tx.records.get(Ref("hospital", "candidate", twin)), Gone)
    assert it.rows("select 1 from profiles where email like 'ben.%story%' or email like 'ben.twin%'") == []

    # in the end the platforms and the house tell the same story
    assert it.rows("select verb, outcome from outbox where state = 'dead'") == []
    counted = "select verb, count(*) n from outbox where state = 'sent' and account = 'hospital' group by 1"
    sent = {row["verb"]: row["n"] for row in it.rows(counted)}
    assert sent == {verb: len(it.effects("hospital", verb)) for verb in sent}
    assert {attempt["status"] for stage in it.stages.values() for attempt in stage.ask("deliveries")} == {200}


def test_a_runner_up_in_lever_gets_the_tag_there(theatre: Theatre) -> None:
    it = theatre
    run = it.act("software", "apply", email="chloe.story@example.org", name="Chloe Story")["opportunity"]
    it.act("software", "change_consent", opportunity=run, allowed=True)
    it.act("software", "move", opportunity=run, stage="Onsite Interview")
    it.act("software", "score", opportunity=run, rating=4)
    it.act("software", "archive", opportunity=run, reason="Stronger candidate chosen")
    it.until(lambda: it.effects("software", "add_note", subject=run))
    it.until(lambda: it.on_bench("chloe.story@example.org"))
    assert [one["verb"] for one in it.effects("software", "add_tag", "add_note", subject=run)] == [
        "add_tag",
        "add_note",
    ]

    it.act("software", "hire", opportunity=run)
    it.until(lambda: it.effects("software", "remove_tag", subject=run))
