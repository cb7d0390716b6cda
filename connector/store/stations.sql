-- Migration 1: every station of the house (schema.py runs it statement by statement). Never edited after a release.

create table deliveries (
    id integer primary key,
    account text not null,
    key text not null,
    stream text,
    received_at text not null,
    headers text not null,
    body blob,
    state text not null default 'new',
    note text not null default '',
    unique (account, key)
) strict;
create index deliveries_new on deliveries (id) where state = 'new';
create index deliveries_age on deliveries (received_at) where body is not null and state in ('read', 'ignored');

create table parked (
    id integer primary key,
    -- the latest delivery that had it
    delivery integer not null references deliveries (id) on delete cascade,
    account text not null,
    stream text not null,
    path text not null,
    wanted text not null,
    came text not null,
    -- of the item as it came
    digest text not null,
    -- its own id, where that could be read; else empty
    item text not null,
    -- what to ask the platform for to get it once more, where that is known
    again_kind text,
    again_id text,
    -- since when it stands there in these bytes
    parked_at text not null
) strict;
create index parked_delivery on parked (delivery);
create index parked_digest on parked (account, stream, digest);
create index parked_item on parked (account, stream, item) where item <> '';
create index parked_again on parked (account, again_kind, again_id) where again_kind is not null;

create table hints (
    account text not null,
    kind text not null,
    id text not null,
    why text not null,
    due_at text not null,
    -- counts the hints for it, so that one that comes in while we read again is not lost
    heard integer not null default 1,
    -- how often the platform refused it, and what it said last
    refusals integer not null default 0,
    refused text not null default '',
    primary key (account, kind, id)
) strict, without rowid;

-- which version of an application its costly evidence was last asked for
create table evidence (
    account text not null,
    application text not null,
    version text not null,
    primary key (account, application)
) strict, without rowid;

create table records (
    account text not null,
    kind text not null,
    id text not null,
    version text not null,
    gone integer not null default 0,
    -- what it belongs to, as kind:id in the same account; an address for members
    parent text,
    seen integer not null default 0,
    -- when the call began that last changed it here, or found a candidate unchanged
    received_at text not null,
    -- when the call began that brought this version
    recorded_at text not null,
    body text not null,
    primary key (account, kind, id)
) strict, without rowid;
create index records_parent on records (account, parent) where parent is not null;
create index records_address on records (parent) where parent like 'email:%';
create index records_user on records (kind) where kind = 'user';

-- what records said before, without names and addresses; only added to, until retention or its person goes
create table history (
    row integer primary key,
    account text not null,
    kind text not null,
    id text not null,
    recorded_at text not null,
    replaced_at text not null,
    body text not null
) strict;
create index history_record on history (account, kind, id);

create table merges (
    account text not null,
    kind text not null,
    loser text not null,
    winner text not null,
    primary key (account, kind, loser)
) strict, without rowid;
create index merges_winner on merges (account, kind, winner);

create table candidates (
    account text not null,
    id text not null,
    person integer not null,
    primary key (account, id)
) strict, without rowid;
create index candidates_person on candidates (person);

-- what makes two candidate records one person: e:address, g:account:group
create table links (
    key text not null,
    account text not null,
    id text not null,
    primary key (key, account, id)
) strict, without rowid;
create index links_candidate on links (account, id);

-- one row: the last id given to a person. None is given twice: what was done to one must not stick to another
create table person_ids (last integer not null) strict;
insert into person_ids (last) values (0);

create table profiles (
    person integer primary key,
    name text not null,
    first_name text,
    email text,
    recruiter text
) strict;

-- one row: the settings' words (their mark) that the mirror is made with
create table words (mark text not null) strict;
insert into words (mark) values ('');

create table dirty (
    account text not null,
    id text not null,
    primary key (account, id)
) strict, without rowid;

-- reference data by number, and whose applications name it (uses.py)
create table things (
    id integer primary key,
    account text not null,
    kind text not null,
    ref text not null,
    unique (account, kind, ref)
) strict;
create table uses (
    thing integer not null,
    person integer not null,
    primary key (thing, person)
) strict, without rowid;
create index uses_person on uses (person);

create table to_judge (person integer primary key) strict;

create table suppressions (
    -- keyed hash (keyed.py) of e:address or c:account:candidate id
    identity text not null,
    scope text not null,
    source text not null,
    reason text not null,
    learnt_at text not null,
    primary key (identity, scope, source)
) strict, without rowid;

-- one row: by which key identities are hashed (keyed.py); the key itself stands outside of the database
create table hash_key (mark text not null) strict;

-- who was erased on request, by keyed hash of e:address, c:account:candidate id and a:account:application id: never taken in again
create table erased (
    identity text primary key,
    erasure integer not null
) strict, without rowid;

-- what was done on request, without saying to whom
create table erasures (
    id integer primary key,
    at text not null,
    by text not null,
    reason text not null,
    counts text not null,
    -- since when nothing of it is in free space of the file either
    shredded_at text
) strict;

-- acts for people who were erased: the row goes as soon as the act is over
create table shredding (action integer primary key, erasure integer not null) strict;

-- candidate records of people for whom nothing outward happens and nothing is dropped, until somebody says otherwise
create table frozen (
    account text not null,
    id text not null,
    since text not null,
    by text not null,
    reason text not null,
    primary key (account, id)
) strict, without rowid;

-- addresses that objected, and that audiences have not been asked about since
create table objecting (address text primary key) strict, without rowid;

create table watermarks (
    account text not null,
    stream text not null,
    until text,
    -- the walk under way, if any
    walk_since text,
    walk_until text,
    walk_full integer not null default 0,
    walk_page integer not null default 0,
    walk_cursor text,
    walk_run integer,
    complete_at text,
    -- when it had been listed from end to end for the first time
    whole_since text,
    pulled_at text,
    primary key (account, stream)
) strict, without rowid;

create table runs (
    id integer primary key,
    kind text not null,
    account text,
    started_at text not null,
    ended_at text,
    state text not null,
    counts text not null default '{}',
    note text not null default ''
) strict;

-- when each kind of event last came in at the door; event empty: one that the adapter gave no name
create table heard (
    account text not null,
    event text not null,
    at text not null,
    primary key (account, event)
) strict, without rowid;

-- what is not asked of a platform for now; scope empty: nothing at all
create table pauses (
    account text not null,
    scope text not null,
    paused_at text not null,
    until text not null,
    why text not null,
    primary key (account, scope)
) strict, without rowid;

create table leases (
    name text primary key,
    holder text not null,
    token integer not null,
    until text not null
) strict;

create table activations (
    rule text primary key,
    hash text not null,
    set_hash text not null,
    activated_at text not null,
    plan text
) strict;

create table standing (
    rule text not null,
    person integer not null,
    -- 1 yes, 0 no (kept only while it lingers), null unknown
    answer integer,
    since text not null,
    -- unknown now, and was a yes before
    was integer not null default 0,
    primary key (rule, person)
) strict, without rowid;
create index standing_person on standing (person);

-- what we put on the platforms, and what was there before us
create table owned (
    account text not null,
    subject text not null,
    kind text not null,
    key text not null,
    person integer not null,
    rules text not null,
    -- ours, theirs (was there first), adding, removing
    state text not null,
    added_at text not null,
    rule_hash text not null,
    receipt text,
    primary key (account, subject, kind, key)
) strict, without rowid;
create index owned_person on owned (person, account, kind, key, state, rules);
-- an index that answers by itself: a plan counts what a rule keeps, and finds who else keeps the same
create index owned_rules on owned (rules, account, kind, key, state, person);

-- what waits for somebody's word: a rule, and the occasion on which it would concern more people than it may
create table approvals (
    rule text not null,
    occasion text not null,
    people integer not null,
    asked_at text not null,
    by text,
    approved_at text,
    primary key (rule, occasion)
) strict, without rowid;

-- by which version of a rule everybody was judged: what it says to each is then known without asking
create table covered (rule text primary key, version text not null) strict;

-- one row: the rule set that a running serve has in force (empty: none runs), and what is said of the files (sets.py)
create table sets (
    running text not null default '',
    since text not null default '',
    plan text not null default '',
    waits text not null default '[]',
    refused_at text,
    complaints text not null default '[]'
) strict;
insert into sets default values;

create table departed (
    rule text primary key,
    at text not null
) strict;

create table vetoes (
    person integer not null,
    kind text not null,
    key text not null,
    by text not null,
    at text not null,
    -- rule → hash of the facts it read then
    facts text not null,
    primary key (person, kind, key)
) strict, without rowid;

-- accounts where far too many tags of ours were gone at once, and which those are (doubts.py)
create table holds (
    account text primary key,
    since text not null,
    ended text
) strict, without rowid;
create table doubts (
    account text not null,
    subject text not null,
    key text not null,
    person integer not null,
    primary key (account, subject, key)
) strict, without rowid;
create index doubts_person on doubts (person);

create table decisions (
    id integer primary key,
    rule text not null,
    person integer not null,
    occasion text not null,
    rule_hash text not null,
    set_hash text not null,
    clock text not null,
    answer integer,
    line text not null,
    mode text not null,
    plan text,
    unique (rule, person, occasion)
) strict;
create index decisions_person on decisions (person);
create index decisions_rule on decisions (rule, clock);
create index decisions_shadow on decisions (rule, id) where mode = 'shadow';

create table outbox (
    id integer primary key,
    key text not null unique,
    account text not null,
    verb text not null,
    person integer,
    subject text,
    args text not null,
    rule text not null,
    purpose text not null,
    -- smaller goes first: 0 opt-outs, 1 others
    priority integer not null,
    state text not null,
    due_at text not null,
    after text,
    -- the plan that a person applied, if one asked for it: what `undo` takes back
    plan text,
    attempts integer not null default 0,
    token integer,
    leased_until text,
    made_at text not null,
    settled_at text,
    outcome text not null default '',
    receipt text
) strict;
create index outbox_due on outbox (account, priority, due_at, id) where state = 'pending';
create index outbox_leased on outbox (leased_until) where state = 'sending';
create index outbox_person on outbox (person);
create index outbox_dead on outbox (id) where state = 'dead';
create index outbox_after on outbox (after) where after is not null;
create index outbox_plan on outbox (plan) where plan is not null;

create table attempts (
    action integer not null references outbox (id),
    n integer not null,
    started_at text not null,
    ended_at text,
    outcome text not null default '',
    primary key (action, n)
) strict, without rowid;

-- when a person is to be looked at again, whatever else happens
create table wakeups (
    person integer not null,
    at text not null,
    primary key (at, person)
) strict, without rowid;

create table enrolments (
    cadence text not null,
    person integer not null,
    joined_at text not null,
    -- active, held_out, stopped, finished
    state text not null,
    n integer not null default 0,
    due_at text,
    why text not null default '',
    changed_at text not null,
    primary key (cadence, person)
) strict, without rowid;
create index enrolments_due on enrolments (due_at) where state = 'active';
create index enrolments_person on enrolments (person);
