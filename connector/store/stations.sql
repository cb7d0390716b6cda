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
    delivery integer not null references deliveries (id) on delete cascade,
    path text not null,
    wanted text not null,
    came text not null,
    parked_at text not null
) strict;
create index parked_delivery on parked (delivery);

create table hints (
    account text not null,
    kind text not null,
    id text not null,
    why text not null,
    due_at text not null,
    -- counts the hints for it, so that one that comes in while we read again is not lost
    heard integer not null default 1,
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
    -- when the call began that last changed it here
    received_at text not null,
    body text not null,
    primary key (account, kind, id)
) strict, without rowid;
create index records_parent on records (account, parent) where parent is not null;
create index records_address on records (parent) where parent like 'email:%';
create index records_user on records (kind) where kind = 'user';

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

create table dirty (
    account text not null,
    id text not null,
    primary key (account, id)
) strict, without rowid;

create table to_judge (person integer primary key) strict;

create table suppressions (
    -- e:keyed hash of the address, or c:account:candidate id
    identity text not null,
    scope text not null,
    source text not null,
    reason text not null,
    learnt_at text not null,
    primary key (identity, scope, source)
) strict, without rowid;

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

create table accounts (
    name text primary key,
    heard_at text not null
) strict;

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
create index owned_person on owned (person);

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
    facts text not null,
    primary key (person, kind, key)
) strict, without rowid;

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
