"""The lines of a why-tree in words that the person themselves could be given: no names of facts, no words of the grammar."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from connector.clock import unstamp
from connector.facts import BY_NAME, Fact, fold
from connector.rules.explain import Line
from connector.rules.tree import Items, Leaf

#: (scope, fact) → what it is called, where its name alone would not do. Underscores and dots are never shown.
NOUNS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("person", "region"): "their region",
        ("person", "country"): "their country",
        ("person", "city"): "their town",
        ("person", "time_zone"): "their time zone",
        ("person", "years_experience"): "their experience in years",
        ("person", "consent.expires"): "the end of their consent",
        ("person", "last_contacted"): "the day we last wrote",
        ("person", "last_activity"): "the last sign of them",
        ("person", "first_seen"): "the day we first knew of them",
        ("application", "furthest_stage"): "the furthest step",
        ("application", "scorecard_average"): "the average score",
        ("application", "scorecards"): "the number of scorecards",
        ("application", "rejection_reason"): "the reason it ended",
        ("application", "decided"): "the day of the decision",
        ("application", "applied"): "the day of applying",
        ("application", "job"): "the job's number",
        ("application", "title"): "the job's title",
        ("application", "function"): "the job's line of work",
        ("application", "region"): "the job's region",
        ("application", "offer"): "the latest offer",
        ("interview", "stage"): "the step it belongs to",
        ("interview", "completed"): "the day it was held",
        ("interview", "starts"): "the day it is due",
        ("message", "sent"): "the day it went out",
        ("event", "attended"): "the day they came",
        ("event", "occurred"): "the day it took place",
        ("role", "function"): "the role's line of work",
    }
)  # fmt: skip
#: Facts that are yes or no, and values that say it better as a sentence: (yes, no).
_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "open_to_remote": ("they would work away from the office", "they would not work away from the office"),
        "unsubscribed": ("they have asked for no more mail", "they have not asked for no more mail"),
        "consent.email": ("they have agreed to be written to", "they have not agreed to be written to"),
        "private": ("they are kept from general view", "they are not kept from general view"),
        "stage_inferred": ("the furthest step is inferred", "the furthest step was seen"),
        "prospect": ("it is for no job yet", "it is for a job"),
        "confidential": ("the role is not to be spoken of", "the role may be spoken of"),
        "employment=hired": ("they work for us", "they do not work for us"),
        "employment=none": ("they do not work for us", "they work for us"),
        "status=active": ("it is under way", "it is not under way"),
    }
)
#: Facts of several words: how one has them, and how one has not.
_HAVING: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "skills": ("their skills include", "their skills do not include"),
        "functions": ("their lines of work include", "their lines of work do not include"),
        "tags": ("they are marked", "they are not marked"),
        "pools": ("they are in the talent pool", "they are not in the talent pool"),
        "sources": ("they came by way of", "they did not come by way of"),
        "accounts": ("they are known to", "they are not known to"),
    }
)
_THAN = MappingProxyType(
    {
        "at_least": "at least", "at_most": "at most", "more_than": "more than", "less_than": "less than",
        "within_last": "within the last", "within_next": "within the next", "before": "before", "after": "on or after",
    }
)  # fmt: skip
_STEPS = MappingProxyType(
    {
        "equals": "is {}", "at_least": "is {} or further", "at_most": "is {} or earlier", "more_than": "is further than {}",
        "less_than": "is earlier than {}", "any_of": "is {}", "none_of": "is not {}",
    }
)  # fmt: skip


def noun(fact: Fact) -> str:
    return NOUNS.get((fact.scope, fact.name)) or fact.name.replace("_", " ").replace(".", " ")


def statement(test: Leaf, *, opposite: bool = False) -> str:
    """The test as a sentence without its subject: "region is North West"."""
    sentence = _SENTENCES.get(test.fact.name) or _SENTENCES.get(f"{test.fact.name}={test.value}")
    if sentence is not None and test.op == "equals":
        yes = bool(test.value) if test.fact.type == "yesno" else True
        return sentence[yes is opposite]
    if test.fact.type == "words":
        return _of_words(test, opposite)
    said, contrary = _of_one(test)
    return said if not opposite else contrary or f"it is not so that {said}"


def _of_words(test: Leaf, opposite: bool) -> str:
    has, has_not = _HAVING.get(test.fact.name, ("they have", "they do not have"))
    if opposite:
        has, has_not = has_not, has
    match test.op:
        case "any_of":
            return f"{has} {_listed(test, 'or')}"
        case "all_of":
            return f"{has} {_listed(test, 'and')}" if not opposite else f"{has} all of {_listed(test, 'and')}"
        case "none_of":
            return f"{has_not} {_listed(test, 'or')}"
        case "same_as":
            return f"{has} what the role names"
    least = test.value[1] if isinstance(test.value, tuple) else 1
    said = f"they share at least {least} {'skill' if least == 1 else noun(test.fact)} with the role"
    return said if not opposite else f"it is not so that {said}"


def _of_one(test: Leaf) -> tuple[str, str]:
    """The sentence, and its opposite where there is a plain one."""
    name, one = noun(test.fact), _listed(test, "or")
    if test.fact.type == "stage":
        said = f"{name} {_STEPS[test.op].format(one)}"
        return said, f"{name} is not {one}" if test.op in ("equals", "any_of") else ""
    if test.op in ("equals", "any_of"):
        return f"{name} is {one}", f"{name} is not {one}"
    if test.op == "none_of":
        return f"{name} is not {one}", f"{name} is {one}"
    if test.op == "contains_any":
        return f"{name} contains {one}", f"{name} does not contain {one}"
    if test.op == "same_as":
        return f"{name} is that of the role", f"{name} is not that of the role"
    if test.op == "more_than_ago" and not test.value.count:
        return f"{name} is past", f"{name} is not past"
    if test.op == "more_than_ago":
        return f"{name} is more than {test.value} ago", f"{name} is not more than {test.value} ago"
    if test.op == "within":
        return f"{name} is within {test.shown}", f"{name} is not within {test.shown}"
    value = str(test.value) if test.op.startswith("within") else test.shown
    than = _THAN.get(test.op, test.op.replace("_", " "))
    return f"{name} is {than} {value}", f"{name} is not {than} {value}"


def _listed(test: Leaf, word: str) -> str:
    parts = [plain(test.fact, part) for part in test.shown.split(", ")]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def plain(fact: Fact, value: str) -> str:
    """`other_candidate` → `other candidate`; what people wrote themselves stays as it is."""
    coined = fact.kind in ("stages", "reasons") or bool(fact.values)
    return value.replace("_", " ") if coined else value


def said(line: Line) -> str:
    """What a line of the tree asks, whatever its answer."""
    if line.test is not None:
        return statement(line.test, opposite=line.negated)
    if line.items is None:
        return {"all": "all of these", "any": "any of these", "not": "none of this"}.get(line.how, line.text)
    scope = _a(line.items.scope)
    if line.negated:
        return f"there is no {line.items.scope} of which"
    if line.items.latest:
        return f"of the latest {line.items.scope}"
    return f"there are at least {line.items.least} {line.items.scope}s of which" if line.items.least > 1 else (
        f"there is {scope} of which"
    )  # fmt: skip


def _a(scope: str) -> str:
    return f"an {scope}" if scope[0] in "aeiou" else f"a {scope}"


def _valued(fact: Fact, value: Any, zone: ZoneInfo) -> str:
    match fact.type:
        case "yesno":
            return "yes" if value else "no"
        case "time":
            return f"{unstamp(value).astimezone(zone):%-d %B %Y}"
        case "words":
            return ", ".join(sorted(value))
        case "number":
            return f"{value:g}"
    return plain(fact, str(value))


def seen(line: Line, zone: ZoneInfo) -> str:
    """What the facts say, unless the sentence says just that. "nothing known" where they say nothing."""
    test, value = line.test, line.value
    if test is None:
        return ""
    known = value is not None and not (test.fact.type == "words" and not value)
    if not known:
        if line.kept:
            return ""
        assumed = "" if line.assumed is None else f", which counts as {'yes' if line.assumed else 'no'} here"
        empty = test.fact.type == "words" and not test.fact.unknown_when_empty
        return "none" if empty else f"nothing known{assumed}"
    if test.fact.type == "yesno" and test.fact.name in _SENTENCES:
        return "" if line.answer else statement(test, opposite=bool(value) is not bool(test.value))
    if f"{test.fact.name}={test.value}" in _SENTENCES:
        two_sided = test.fact.name == "employment"
        return "" if (two_sided and line.answer) or test.value == value else plain(test.fact, str(value))
    if test.fact.type == "words" and not (value := relevant(line)):  # a rule of ours keeps it
        return ""
    text = _valued(test.fact, value, zone)
    spelt = next((one for one in test.shown.split(", ") if fold(plain(test.fact, one)) == fold(text)), text)
    alone = fold(spelt) == fold(plain(test.fact, test.shown))
    return "" if alone and line.answer and test.op in ("equals", "any_of") else spelt


def relevant(line: Line) -> Any:
    """What of the facts the answer is about: of many words those that make a yes."""
    test, value = line.test, line.value
    if test is None or test.fact.type != "words" or value is None:
        return value
    made = line.answer is True and not line.negated and test.op in ("any_of", "all_of")
    return frozenset(value) & {str(word) for word in test.value} if made else value


def wish(line: Line) -> str:
    """What would have to be so for a yes; empty where it is one."""
    if line.answer is True:
        return ""
    if line.items is not None:
        return _item_wish(line, line.items)
    if line.how in ("all", "any"):
        wishes = [found for part in line.parts if (found := wish(part))]
        return (" and " if line.how == "all" else ", or ").join(wishes)
    if line.how == "not":
        known = "is no longer" if line.parts[0].answer else "is known not to be"
        return " and ".join(f"it {known} so that {_inside(part)}" for part in grounds(line.parts[0]))
    if line.test is None:
        return line.wish
    known = "it is known that " if line.answer is None and line.negated else ""
    return known + said(line)


def _inside(line: Line) -> str:
    inner = " and ".join(said(part) for part in line.parts) if line.items is not None else ""
    return f"{said(line)} {inner}".strip()


def _item_wish(line: Line, items: Items) -> str:
    scope = items.scope
    if line.negated:
        inner = " and ".join(said(part) for part in line.parts)
        still = "there is no longer" if line.answer is False else "it is known that there is no"
        return f"{still} {scope} of which {inner}" if inner else f"{still} {scope}"
    if not line.parts:
        return f"there is {_a(scope)}" if items.least == 1 else f"there are {items.least} {scope}s"
    inner = " and ".join(found for part in line.parts if (found := wish(part)))
    which = "the latest" if items.latest else "one"
    return f"of {which} {scope} {inner}" if inner else f"there are {items.least} such {scope}s"


def grounds(line: Line) -> list[Line]:
    """Of a yes, the lines it stands on; of a no or an unknown, the first line that decides. What is asked of an
    application is one ground, with its parts."""
    if not line.parts or line.items is not None or line.how == "not":
        return [line]
    deciding = [part for part in line.parts if part.answer is line.answer]
    if line.answer is True and line.how == "all":
        return [found for part in deciding for found in grounds(part)]
    return grounds(deciding[0]) if deciding else [line]


def all_named() -> list[str]:
    """Every fact as it is called."""
    return [noun(fact) for fact in BY_NAME.values()]


__all__ = ["NOUNS", "all_named", "grounds", "noun", "plain", "relevant", "said", "seen", "statement", "wish"]
