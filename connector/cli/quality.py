"""`quality`: how usable the archive is, which lines of settings would mend it, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from connector import house as houses
from connector import quality as quality_
from connector.cli.look import looking
from connector.cli.words import Where, as_json, plural, say, table, when
from connector.house import real_clock
from connector.quality import SECTIONS, Fix, Report, Value
from connector.settings import Settings
from connector.store.survey import Pool, Rejections

#: So many lines of each part, unless everything is asked for.
SOME = 10


@click.command()
@click.option("--account", help="Only what this account tells.")
@click.option("--rule", help="Only what this `keep` rule would gain.")
@click.option("--all", "whole", is_flag=True, help="Every word that maps to nothing, not only the first ones.")
@click.option("--yaml", "snippet", is_flag=True, help="Print all proposals as lines for the settings file.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def quality(where: Where, account: str | None, rule: str | None, whole: bool, snippet: bool, machine: bool) -> None:
    """Say how usable the archive is, and what would make it more so.

    Which share of rejections has a reason, a furthest step and a score; the platforms' words that the settings do not
    know, each with the line to add and how many people would come to match a rule by it; and what no setting can mend.
    Proposals are guesses for you to look at. Nothing is changed.
    """
    with looking(where) as (settings, tx):
        rules = houses.load_rules(settings)
        written = where.settings.read_bytes()
        found = quality_.report(tx, settings, rules, written, file=str(where.settings), now=real_clock(), account=account,
                                rule=rule)  # fmt: skip
    if machine:
        as_json(found)
    elif snippet:
        _snippet(found)
    else:
        _told(found, settings, most=None if whole else SOME)


def _snippet(found: Report) -> None:
    say(
        "# Proposals of `keepwarm quality`: guesses, to be looked at one by one. Each entry is whole: put it in the place of"
    )
    say(
        "# the one that stands under the same name in the settings (if any), then run `keepwarm check` and `keepwarm sync`."
    )
    say(found.snippet.rstrip())


def _told(found: Report, settings: Settings, *, most: int | None) -> None:
    _headline(found)
    _freshness(found, settings)
    if not found.rejections:
        return
    _shares(found)
    _rules(found)
    _fixes(found, most)
    _rest(found, most)
    if found.beyond:
        say("\nWHAT NO LINE OF VOCABULARY CAN MEND")
        for it in found.beyond:
            say(f"  {it.account}: {it.what}\n      {it.do}")


def _headline(found: Report) -> None:
    total = _sum(found.rejections)
    if total is None:
        say("No rejection is known yet; `keepwarm sync` fetches the archive.")
        return
    people = plural(found.rejected_people, "person", "people")
    say(f"Of {plural(total.count, 'rejection')} ({people}), {total.whole:,} ({_share(total.whole, total.count)}) can be judged"
        " whole: reason, furthest step and score are known.")  # fmt: skip
    proposed = sum(it.proposed for it in found.fixes)
    if found.gained or found.waiting:
        say(f"With the {plural(proposed, 'proposal')} below in the settings {plural(found.gained, 'more person', 'more people')}"
            " would match a rule." + _then_fetched(found))  # fmt: skip
    elif proposed:
        say(f"{plural(proposed, 'proposal')} below; with all of them in the settings nobody more would match a rule.")
    elif not found.rest:
        say("Every word of the platforms is known to the settings.")


def _then_fetched(found: Report) -> str:
    if not found.waiting:
        return ""
    return (f" Of {found.waiting:,} others only a score would be missing: scorecards are fetched, where there are any, once it"
            " is known how far somebody came.")  # fmt: skip


def _freshness(found: Report, settings: Settings) -> None:
    for it in found.fresh:
        walked = f"; {plural(it.unfinished, 'list')} of {it.streams} not walked to the end yet" if it.unfinished else ""
        if it.account in {pool.account for pool in found.people}:
            say(f"{it.account}: as of {when(it.pulled_at, settings.zone) or 'never pulled'}{walked}.")
    if found.reworded:
        say("The settings have other words than the people were built with: run `keepwarm sync`, then ask again.")
    if found.behind:
        say(f"{plural(found.behind, 'candidate record')} changed and not built in yet: run `keepwarm sync` first.")


# shares


def _shares(found: Report) -> None:
    total = _sum(found.rejections)
    assert total is not None  # noqa: S101  the caller looked
    head = ("rejections", "n", "reason", "step seen", "step inferred", "score", "all three")
    lines = [("all", total), *((it.account, it) for it in found.rejections if len(found.rejections) > 1)]
    _shared(head, [(name, it.count, _of_rejections(it)) for name, it in lines])
    _shared(("decided", *head[1:]), [(str(it.year or "no date"), it.count, _of_rejections(it)) for it in found.years])
    people = [(it.account or "all", it.count, _of_people(it)) for it in found.people]
    _shared(
        ("people", "n", "skills", "region", "country", "consent", "address"), people[:1] if len(people) == 2 else people
    )


def _shared(head: Sequence[str], rows: Iterable[tuple[str, int, Sequence[int]]]) -> None:
    say()
    table(head, [(name, f"{count:,}", *(_share(part, count) for part in parts)) for name, count, parts in rows])


def _of_rejections(it: Rejections) -> tuple[int, ...]:
    return it.reason, it.stage_seen, it.stage_inferred, it.score, it.whole


def _of_people(it: Pool) -> tuple[int, ...]:
    return it.skills, it.region, it.country, it.consent, it.address


def _share(part: int, whole: int) -> str:
    """Rounded, but never to a 0 or 100 that is not one."""
    if not whole:
        return "-"
    if 0 < part < whole:
        return f"{min(99, max(1, round(100 * part / whole)))} %"
    return f"{100 * part // whole} %"


def _sum(said: Sequence[Rejections]) -> Rejections | None:
    total = said[0] if said else None
    for it in said[1:]:
        total = total + it if total is not None else it
    return total


# rules, fixes and the rest


def _rules(found: Report) -> None:
    say("\nRULES")
    table(
        ("rule", "match now", "cannot tell", "would match too", "then lack a score only"),
        [
            (it.rule, f"{it.matching:,}", f"{it.unknown:,}", f"{it.would_match:,}", f"{it.would_wait:,}")
            for it in found.rules
        ],
    )
    for it in (it for it in found.rules if it.missing):
        say(f"  {it.rule} cannot tell, because this is not known:")
        for part in it.missing[:4]:
            say(f"      {plural(part.people, 'person', 'people')}: {_missing(part.missing)}")
        if more := sum(part.people for part in it.missing[4:]):
            say(f"      {plural(more, 'person', 'people')}: something else, or more of it")


def _missing(names: frozenset[str]) -> str:
    told = (name.removeprefix("application.").replace("_", " ") for name in sorted(names))
    return " and ".join(f"the answer of {name}" if name.startswith("rule ") else name for name in told)


def _fixes(found: Report, most: int | None) -> None:
    if not found.fixes:
        return
    say("\nFIXES, those that gain most people first (proposals are guesses: look before you write)")
    for number, it in enumerate(found.fixes[:most], 1):
        say(f"  {number}. {_fix(it)}")
        say(f"     {_where(it.value)}")
        say(
            f"     {f'because {it.value.guess.why}' if it.value.guess else 'a guess nobody can make for you: look it up there'}"
        )
        say(f"     {it.line}")
    if most is not None and len(found.fixes) > most:
        say(
            f"  … and {len(found.fixes) - most} more: `keepwarm quality --all`; `--yaml` prints the lines of all proposals"
        )


def _fix(it: Fix) -> str:
    head = (
        f"map `{it.value.text}` to {it.mapped.target}"
        if it.proposed
        else f"`{it.value.text}`, should it mean {it.mapped.target}"
    )
    parts = []
    if it.gain.people:
        rules = ", ".join(f"{count:,} {rule}" for rule, count in it.gain.rules.most_common())
        alone = "" if it.gain.alone == it.gain.people else f", {it.gain.alone:,} of them by this alone"
        parts.append(f"{plural(it.gain.people, 'more person matches', 'more people match')} ({rules}{alone})")
    if it.gain.waiting:
        parts.append(f"{plural(it.gain.waiting, 'person', 'people')} would lack only a score")
    return f"{head}: {', '.join(parts) or 'nobody more matches a rule'}"


def _where(it: Value) -> str:
    noun = "scorecard" if it.kind == "scorecard word" else "person" if not it.accounts else "application"
    where = f" in {', '.join(it.accounts)}" if it.accounts else ""
    jobs = f", {plural(it.jobs, 'pipeline')}" if it.jobs > 1 else ""
    people = f", {plural(it.people, 'person', 'people')}" if noun != "person" else ""
    usable = f"; {plural(it.usable, 'rejection')} would become usable" if it.usable else ""
    count = plural(it.uses, noun) if noun != "person" else plural(it.uses, "person", "people")
    return f"{it.kind}{where}{jobs}: {count}{people}{usable}"


def _rest(found: Report, most: int | None) -> None:
    if not found.rest:
        return
    say(
        "\nWORDS THAT MAP TO NOTHING, and of which no meaning is known that would help; what each means only you can say"
    )
    shown = found.rest[:most]
    table(
        ("word", "what", "accounts", "uses", "people", "rejections made usable", "to be written in"),
        [(it.text, it.kind, ", ".join(it.accounts), f"{it.uses:,}", f"{it.people:,}", f"{it.usable:,}" if it.usable else "",
          f"vocabulary.{SECTIONS[it.kind]}") for it in shown],
    )  # fmt: skip
    for it in (it for it in shown if it.choices):
        say(f"  `{it.text}` can be {', '.join(it.choices[:5])}{', …' if len(it.choices) > 5 else ''}")
    if left := len(found.rest) - len(shown):
        say(f"  … and {left} more: `keepwarm quality --all`")
    if any(it.kind == "skill" for it in shown):
        say("  A skill that the settings do not know stands for itself: rules can ask for it by just this word.")


COMMANDS = (quality,)
