"""Why a person is in, out, or unknown: the tree with what was seen, the line that decides, and what would change it.

Made on demand from facts and clock, for *no* as well as for *yes*; never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from connector.clock import unstamp
from connector.facts import LISTS, Fact
from connector.rules.clock import crossings
from connector.rules.entries import Entry
from connector.rules.judge import compile_tree, latest_of
from connector.rules.leaf import Context, Facts
from connector.rules.operators import of
from connector.rules.towns import away
from connector.rules.tree import All, Answer, AnyOf, Default, Items, Leaf, Not, Place, Tree, leaves
from connector.rules.words import kept

_WORD = {True: "yes", False: "no", None: "unknown"}
#: So many crossings of the clock are looked at for one person and rule.
_MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the why-tree."""

    answer: Answer
    #: The test in plain words.
    text: str
    #: What the facts say.
    saw: str
    at: Place
    parts: tuple[Line, ...] = ()
    #: What would turn a line that is not yes into a yes.
    wish: str = ""
    #: How the parts make the answer.
    how: str = "test"
    #: The fact that is asked about; where there is nothing to ask (no application at all), what there is none of.
    fact: str = ""
    #: For those who put it in other words: the test itself, what the facts say, the id of the item that was looked at, and
    #: for a line about items what is asked for.
    test: Leaf | None = None
    value: Any = None
    item: str = ""
    items: Items | None = None
    #: Tags and pools that it asks about and our own rules keep: word, answer, rules.
    kept: tuple[tuple[str, Answer, tuple[str, ...]], ...] = ()
    #: It is the opposite of the test that counts.
    negated: bool = False
    #: Nothing is known, and the rule says what that counts as.
    assumed: Answer = None

    @property
    def because(self) -> str:
        return f"{_WORD[self.answer]}: {self.text}" + (f", saw {self.saw}" if self.saw else "")


@dataclass(frozen=True, kw_only=True)
class Why:
    name: str
    hash: str
    answer: Answer
    root: Line
    #: The first line that decides.
    line: Line
    #: In words: of a no or an unknown that line, of a yes all that it stands on.
    deciding: str
    #: "skills gains nursing"; empty when the answer is yes.
    changes: str
    _ahead: Callable[[], datetime | None] = field(repr=False, compare=False)

    @cached_property
    def next_change(self) -> datetime | None:
        """When the clock alone changes the answer, on the organisation's clock; None: never, as things stand.

        Found when asked: it takes a hundred times as long as the rest."""
        return self._ahead()

    def lines(self) -> list[str]:
        """For a terminal or a page."""
        lines = [f"{self.name}: {_WORD[self.answer].upper()}" + (f"  (rule {self.hash[:4]})" if self.hash else "")]
        tops = self.root.parts if self.root.how == "all" else (self.root,)
        for index, part in enumerate(tops):
            lines += _drawn(part, "", index == len(tops) - 1)
        if self.changes:
            lines.append(f"Becomes yes if {self.changes}.")
        when = "no change ahead" if self.next_change is None else f"it changes on {self.next_change:%Y-%m-%d %H:%M}"
        lines.append(f"By the clock alone: {when}.")
        return lines


def explain(entry: Entry, facts: Facts, context: Context) -> Why:
    """The whole why of one rule for one person."""
    root = _line(entry.who, facts, context)
    if entry.unless is not None:
        unless = _line(Not(entry.unless, entry.unless.at), facts, context)
        parts = (*(root.parts if root.how == "all" else (root,)), unless)
        answer = _joined((root, unless), "all")
        root = Line(answer=answer, text="all of these", saw="", at=entry.at, parts=parts, how="all")
    line = _deciding(root)
    return Why(
        name=entry.name,
        hash=entry.hash,
        answer=root.answer,
        root=root,
        line=line,
        deciding=f"yes: {'; '.join(_grounds(root))}" if root.answer else line.because,
        changes="" if root.answer else _wishes(root),
        _ahead=lambda: next_change(entry, facts, context),
    )


def next_change(entry: Entry, facts: Facts, context: Context) -> datetime | None:
    """The first moment after now at which, by the clock alone, the answer is another. Other rules' answers stand still."""
    check = compile_tree(entry.condition)
    now = check(facts, context)
    for moment in sorted(set(moments(entry.condition, facts, context)))[:_MOST]:
        then = Context(now=moment, zone=context.zone, role=context.role, answers=context.answers)
        if check(facts, then) is not now:
            return moment.astimezone(context.zone)
    return None


def moments(tree: Tree, facts: Facts, context: Context) -> Iterator[datetime]:
    """Every moment after now at which the clock alone may change a test of the tree: more than those that matter, in no
    order, and never too few."""
    for test in leaves(tree):
        for reach in of(test).reaches(test):
            for value in _values(test.fact, facts):
                yield from crossings(unstamp(value), reach, context.now, context.zone)


def _values(fact: Fact, facts: Facts) -> list[str]:
    rows = [facts] if fact.scope == "person" else facts.get(LISTS[fact.scope], ())
    return [value for row in rows if (value := row.get(fact.name)) is not None]


def _line(tree: Tree, facts: Facts, context: Context) -> Line:
    match tree:
        case Leaf():
            return _test(tree, facts, context)
        case All(parts=parts) | AnyOf(parts=parts):
            lines = tuple(_line(part, facts, context) for part in parts)
            how = "all" if isinstance(tree, All) else "any"
            text = "all of these" if how == "all" else "any of these"
            return Line(answer=_joined(lines, how), text=text, saw="", at=tree.at, parts=lines, how=how)
        case Not(part=part):
            return _not(part, _line(part, facts, context))
        case Default(part=part, yes=yes):
            inside = _line(part, facts, context)
            if inside.answer is not None:
                return inside
            saw = f"{inside.saw or 'nothing known'}, which counts as {_WORD[yes]} here"
            return replace(inside, answer=yes, saw=saw, assumed=yes)
        case Items():
            return _items(tree, facts, context)


def _not(part: Tree, inside: Line) -> Line:
    answer = None if inside.answer is None else not inside.answer
    known = "no longer" if inside.answer else "known not to be"
    match part:
        case Leaf():
            wish = f"it is {known} so that {inside.text}"
            return replace(inside, answer=answer, text=f"not: {inside.text}", wish=wish, negated=True)
        case Items(scope=scope, latest=False, least=1):
            wish = f"it is {known} so that there is such an {scope}" if scope[0] in "aeiou" else ""
            wish = wish or f"it is {known} so that there is such a {scope}"
            return replace(inside, answer=answer, text=f"no {scope} where", how="none", wish=wish, negated=True)
    wish = f"it is {known} so that {_deciding(inside).text}"
    return Line(answer=answer, text="none of this", saw="", at=part.at, parts=(inside,), how="not", wish=wish)


def _joined(lines: tuple[Line, ...], how: str) -> Answer:
    answers = [line.answer for line in lines]
    decisive = how == "any"
    return decisive if decisive in answers else None if None in answers else not decisive


def _test(test: Leaf, facts: Facts, context: Context) -> Line:
    operator = of(test)
    kept_by = tuple(_kept(test, context))
    return Line(
        answer=operator.check(test)(facts, context),
        text=f"{test.fact.name} {operator.says(test)}",
        saw=_seen(test.fact, facts.get(test.fact.name), context)
        + away(test, facts.get(test.fact.name))
        + _by_rule(kept_by),
        at=test.at,
        wish=f"{test.fact.name} {operator.wish(test)}",
        fact=test.fact.name,
        test=test,
        value=facts.get(test.fact.name),
        item="" if test.fact.scope == "person" else str(facts.get("id", "")),
        kept=kept_by,
    )


def _kept(test: Leaf, context: Context) -> Iterator[tuple[str, Answer, tuple[str, ...]]]:
    """Which of the tags it asks about our own rules keep, and which rules those are."""
    for word, rules in test.keepers:
        answer = kept(rules, context.answers)
        if answer is not False:
            said = tuple(rule for rule in rules if context.answers.get(rule, False) is not False)
            yield word, answer, said


def _by_rule(kept_by: tuple[tuple[str, Answer, tuple[str, ...]], ...]) -> str:
    parts = [f"{word} {'kept' if yes else 'perhaps kept'} by rule {', '.join(rules)}" for word, yes, rules in kept_by]
    return f" ({'; '.join(parts)})" if parts else ""


def _seen(fact: Fact, value: Any, context: Context) -> str:
    if fact.type == "words" and (value or not fact.unknown_when_empty):
        return ", ".join(sorted(value or ())) or "none"
    if value is None or fact.type == "words":
        return "nothing known"
    if fact.type == "yesno":
        return "yes" if value else "no"
    if fact.type == "time":
        return f"{unstamp(value).astimezone(context.zone):%Y-%m-%d %H:%M}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _items(items: Items, facts: Facts, context: Context) -> Line:
    rows = list(facts.get(LISTS[items.scope], ()))
    noun = items.scope
    answer = compile_tree(items)(facts, context)
    several = (
        f"at least {items.least} {noun}s" if items.least > 1 else f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
    )
    text = f"the latest {noun}" if items.latest else several
    if not rows:
        return Line(
            answer=answer,
            text=f"{text} where …",
            saw=f"no {noun}",
            at=items.at,
            how="items",
            wish=f"there is {several}",
            fact=noun,
            items=items,
        )
    shown = [latest_of(rows, items.scope)] if items.latest else rows
    lines = sorted((_line(items.where, row, context) for row in shown), key=_nearness)
    yes = sum(line.answer is True for line in lines)
    unsure = sum(line.answer is None for line in lines)
    counted = f"{len(rows)} {noun}{'s' if len(rows) != 1 else ''}: {yes} yes, {unsure} unknown; nearest below"
    best = lines[0]
    parts = best.parts if best.how == "all" else (best,)
    wish = f"for {'the latest' if items.latest else 'one'} {noun} {_wishes(best)}" if best.answer is not True else ""
    if items.least > 1 and not wish:
        wish = f"such {noun}s become {items.least} (now {yes})"
    return Line(
        answer=answer, text=f"{text} where", saw=counted, at=items.at, parts=parts, how="items", wish=wish,
        item=_item_of(best), items=items,
    )  # fmt: skip


def _item_of(line: Line) -> str:
    return line.item or next((found for part in line.parts if (found := _item_of(part))), "")


def _nearness(line: Line) -> tuple[int, int]:
    """Sorts the item that comes closest to a yes first."""
    missing = sum(part.answer is not True for part in line.parts) if line.parts else int(line.answer is not True)
    return {True: 0, None: 1, False: 2}[line.answer], missing


def _deciding(line: Line) -> Line:
    """The first line, all the way down, that makes the answer what it is."""
    if not line.parts or line.how == "none":
        return line
    if line.how == "not":
        return _deciding(line.parts[0])
    for part in line.parts:
        if part.answer is line.answer:
            return _deciding(part)
    return line


def _grounds(line: Line) -> Iterator[str]:
    """Everything a yes stands on: of several alternatives the first."""
    parts = [part for part in line.parts if part.answer is True]
    if line.how in ("all", "items") and parts:
        for part in parts:
            yield from _grounds(part)
    elif line.how == "any" and parts:
        yield from _grounds(parts[0])
    else:
        repeats = line.text.endswith(f" {line.saw}")
        yield line.text + (f" (saw {line.saw})" if line.saw and not repeats else "")


def _wishes(line: Line) -> str:
    """What would have to change for this line to be a yes."""
    if line.answer is True:
        return ""
    if line.how == "all":
        return " and ".join(wish for part in line.parts if (wish := _wishes(part)))
    if line.how == "any":
        return " or ".join(wish for part in line.parts if (wish := _wishes(part)))
    return line.wish


def _drawn(line: Line, indent: str, last: bool) -> list[str]:
    saw = f"  saw {line.saw}" if line.saw else ""
    drawn = [f"{indent}{'└─' if last else '├─'} {_WORD[line.answer]:<8}{line.text}{saw}"]
    below = indent + ("   " if last else "│  ")
    for index, part in enumerate(line.parts):
        drawn += _drawn(part, below, index == len(line.parts) - 1)
    return drawn


__all__ = ["Line", "Why", "explain", "moments", "next_change"]
