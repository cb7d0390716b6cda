"""The rule language: YAML text → one checked tree → a judge for one person, SQL for the pool, the why, the clock.

**Load.** `load({file name: text}, vocabulary) -> RuleSet`. Look at `.problems` first (anything there: do not run),
`.warnings` (runs, worth a look), `.refusals` (a later release's words, by name and place; the rule around them is left out).
`.rules` come after the rules whose tags or pools they read; `.cadences`, `.suppress`, `.entries` (all), `.standing` (keep
rules that are switched on), `.hash`. Entries are `Rule`, `Cadence`, `Suppress`; `entry.condition` is who and not unless.

**Facts of one person.** A mapping: fact name → value (`facts.py` says in which form; missing or None is unknown; words are
sets), and `applications`, `interviews`, `messages`, `events` → lists of such mappings, each with its `id`. A person's
`tags` and `pools` are those that are *not ours*: what our rules keep is read from their answers.

**Judge.** `Context(now=, zone=, role=None, answers={})`: one for all people of a run. `compile_rule(entry)` gives
`(facts, context) -> True | False | None`; `compile_tree(tree)` the same for any tree (`stop_when`, `only_if`);
`compile_when(rule.when)` gives `(context, application, interview) -> …` for the event; `judge_all(rule_set)` gives
`(facts, context) -> {rule: answer}` for `.standing`, in order. `answers`: rule → answer, absent is a no. Put the rules that
are off in there (from what they own) if others should still see them. A live rule does not see what a shadow rule keeps.

**SQL.** `select(entry, context) -> Query(text, params)`: rows (person, answer), 1 or NULL for unknown; not listed is a no.
`fill(entry, context)` puts them into the temp table `ANSWERS` makes, in the set's order. `only(entry, context, people)`.
`near(entry, context)`: whom one test keeps out, counted by test.

**Why.** `explain(entry, facts, context) -> Why`: `.answer`, `.deciding` (text; `.line` has its place),
`.changes`, `.next_change`, `.lines()`; `next_change` alone. `moments(tree, facts, context)`: when a test may flip.

**Clock.** `edges(rule_set)`; `touched(edges, after, until, zone) -> [Query]` of ids to judge again.
`occurrence`, `next_slot`, `Quiet`: when a cadence is due.

**Needs.** `compile_gaps(tree)`: `(facts, context)` → what is missing where the answer is unknown. `reads(entry)`: fact names.
`evidence_floor(rule_set) -> Evidence(needed, stage)`.
"""

from connector.rules.calendar import Quiet, next_slot, occurrence
from connector.rules.clock import Edge, edges, edges_of, touched
from connector.rules.entries import (
    Again,
    AnyEntry,
    Approve,
    Cadence,
    Do,
    Entry,
    Event,
    Goal,
    Keep,
    Limits,
    Notify,
    Piece,
    Rule,
    RuleSet,
    Send,
    Suppress,
    When,
)
from connector.rules.explain import Line, Why, explain, moments, next_change
from connector.rules.gaps import FindGaps, Gaps, compile_gaps
from connector.rules.judge import compile_rule, compile_tree, compile_when, judge_all
from connector.rules.language import load
from connector.rules.leaf import Check, Context, Facts
from connector.rules.near import Hurdle, near
from connector.rules.needs import Evidence, evidence_floor, reads
from connector.rules.sql import ANSWERS, Query, fill, only, select
from connector.rules.tree import Answer, Place, Tree
from connector.rules.vocabulary import Vocabulary

__all__ = [
    "ANSWERS",
    "Again",
    "Answer",
    "AnyEntry",
    "Approve",
    "Cadence",
    "Check",
    "Context",
    "Do",
    "Edge",
    "Entry",
    "Event",
    "Evidence",
    "Facts",
    "FindGaps",
    "Gaps",
    "Goal",
    "Hurdle",
    "Keep",
    "Limits",
    "Line",
    "Notify",
    "Piece",
    "Place",
    "Query",
    "Quiet",
    "Rule",
    "RuleSet",
    "Send",
    "Suppress",
    "Tree",
    "Vocabulary",
    "When",
    "Why",
    "compile_gaps",
    "compile_rule",
    "compile_tree",
    "compile_when",
    "edges",
    "edges_of",
    "evidence_floor",
    "explain",
    "fill",
    "judge_all",
    "load",
    "moments",
    "near",
    "next_change",
    "next_slot",
    "occurrence",
    "only",
    "reads",
    "select",
    "touched",
]
