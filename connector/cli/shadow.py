"""`shadow`: what rules that do not act yet would have done, as far as a sample of it was kept."""

from __future__ import annotations

import click

from connector.cli.look import looking
from connector.cli.words import Where, as_json, say, table, when

_WOULD = {True: "would begin", False: "would end", None: "cannot tell"}


@click.command()
@click.argument("rule", required=False)
@click.option("--limit", default=20, show_default=True, help="So many of RULE's latest decisions.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def shadow(where: Where, rule: str | None, limit: int, machine: bool) -> None:
    """What rules in shadow would have done: counts by version, or the latest decisions of one RULE.

    In shadow is a rule with `mode: shadow`, one that is not applied in its present version, and one with a `canary` for all
    whom it does not reach. A sample is kept when an answer changes; `plan` counts everyone.
    """
    with looking(where) as (settings, tx):
        if rule is None:
            tallies = tx.shadows.tallies()
            if machine:
                as_json(tallies)
                return
            table(
                ("rule", "version", "would begin", "would end", "since", "last"),
                [(it.rule, it.rule_hash[:6], it.yes, it.no, when(it.first, settings.zone), when(it.last, settings.zone))
                 for it in tallies],
            )  # fmt: skip
            return
        found = tx.shadows.of(rule, limit=limit)
        if machine:
            as_json(found)
            return
        for it in found:
            profile = tx.mirror.profile(it.person)
            head = f"{when(it.clock, settings.zone)}  {it.rule_hash[:6]}  {_WOULD[it.answer]:11}"
            say(f"{head}  {it.person:>6}  {profile.name if profile else '':22} {it.line}")
        if not found:
            say(f"nothing is kept of `{rule}` in shadow")


COMMANDS = (shadow,)
