-- Times are milliseconds since 1970, null when it never happened. What belongs
-- to a person and can be read (a number, an address, a push token, the context of a
-- request) rests sealed: AES-256-GCM under a key of the table keys, bound to its
-- column and row. Beside a sealed value that must be found again stands a keyed
-- hash. No code, match number, client secret or token rests in any form: each is
-- derived where it is sent and where it is checked.

-- One statement for goose: to find where each of many ends, it takes 4 MB for every line.
-- +goose Up
-- +goose StatementBegin

-- The server's own keys, each sealed by NOD_SECRET.
create table keys (
    id         text   not null primary key,
    kind       text   not null, -- code, hash, seal, sign or push
    sealed     text   not null,
    created_at bigint not null
);

-- API keys of integrators: hashes only.
create table api_keys (
    hash       text   not null primary key,
    created_at bigint not null
);

create table verifications (
    id                      text    not null primary key,
    user_id                 text    not null,
    purpose                 text    not null,
    status                  text    not null,
    stage                   text    not null,
    reason                  text    not null,
    method                  text    not null,
    channel                 text    not null,
    number_sealed           text    not null, -- empty: no number is known
    number_hash             text    not null, -- keyed; empty likewise
    email_sealed            text    not null, -- empty: no code may go by mail
    locale                  text    not null,
    shown_sealed            text    not null, -- what the person is shown: context and binding message
    match                   text    not null,
    user_verification       boolean not null,
    key_id                  text    not null,
    secret_generation       bigint  not null,
    created_at              bigint  not null,
    session_ends_at         bigint,
    ended_at                bigint,
    redeemed_at             bigint,
    answered_by             text    not null,
    trusted_id              text    not null, -- of the trusted device whose good token came with it; empty: none
    prompt_generation       bigint  not null, -- 0: no prompt was ever made
    prompt_key_id           text    not null,
    prompt_sign_key_id      text    not null,
    prompt_digits           bigint  not null,
    prompt_opened_at        bigint,
    prompt_expires_at       bigint,
    prompt_closed_at        bigint,
    prompt_displayed_at     bigint,
    prompt_push_accepted_at bigint,
    guesses                 text    not null, -- JSON: when, over which channel, right or wrong; never the digits
    refused                 text    not null, -- JSON: codes of the resends refused since the last one that was not
    delays                  text    not null, -- JSON: resend delays in seconds that were predicted at the start; empty: the policy's
    resend_count            bigint  not null,
    base_step               bigint  not null,
    not_before              bigint,
    last_accepted_at        bigint,
    code_accepted_at        bigint,
    last_channel            text    not null,
    number_dead             boolean not null,
    locked_until            bigint,           -- no code before
    held                    text    not null, -- JSON: until when nothing can be sent, as who asked last was told
    seen                    text    not null, -- JSON: keyed hashes of where it was started from, and the country
    next_at                 bigint,           -- when something is due by itself
    seq                     bigint  not null  -- of the last event; an update names the one it read
);

-- Two starts cannot both be admitted.
create unique index verifications_open_login on verifications (user_id)
    where purpose = 'login' and status = 'pending';
create unique index verifications_open_phone on verifications (user_id, number_hash)
    where purpose = 'phone' and status = 'pending';
-- The dispatcher's claim.
create index verifications_due on verifications (next_at)
    where status = 'pending' and next_at is not null;
-- The newest of a user and number, and the one whose code was accepted last.
create index verifications_newest on verifications (user_id, number_hash, created_at);
create index verifications_accepted on verifications (user_id, number_hash, code_accepted_at)
    where code_accepted_at is not null;
-- Whether a user said "this isn't me" a moment ago.
create index verifications_reported on verifications (user_id, ended_at)
    where reason = 'user_reported';
-- The last ones of everybody, for an operator.
create index verifications_created on verifications (created_at, id);
-- Those of one number, for an operator who searches.
create index verifications_number on verifications (number_hash, created_at)
    where number_hash <> '';

-- Generations of codes: what is needed to derive and to limit, never a code.
create table codes (
    verification_id text   not null references verifications (id) on delete cascade,
    generation      bigint not null,
    key_id          text   not null,
    channel         text   not null,
    length          bigint not null,
    issued_at       bigint not null,
    expires_at      bigint not null,
    tries           bigint not null,
    max_tries       bigint not null,
    primary key (verification_id, generation)
);

-- One row is one try to reach one target over one channel, and the job of it.
create table deliveries (
    id                text    not null primary key,
    verification_id   text    not null references verifications (id) on delete cascade,
    channel           text    not null,
    device_id         text    not null, -- empty for sms, voice and email
    provider          text    not null,
    prompt_generation bigint  not null,
    code_generation   bigint  not null,
    resend            bigint  not null,
    fallback          boolean not null,
    state             text    not null,
    class             text    not null,
    detail            text    not null, -- the provider's own code
    provider_id       text    not null, -- the provider's message id
    attempts          bigint  not null, -- counted before they run
    tried             text    not null, -- providers that certainly did not take it, comma-separated
    country           text    not null, -- the number's; empty for an app and a mailbox
    cost              bigint  not null, -- what is reserved for it, in micro-units; 0: nothing
    created_at        bigint  not null,
    due_at            bigint,
    lease_token       text    not null, -- a worker that lost its lease writes nothing
    lease_end_at      bigint,
    accepted_at       bigint,
    unanswered        boolean not null, -- when it was sent nobody knew whether it left
    ask_at            bigint,           -- when to ask the provider what became of it
    changed_at        bigint
);
create index deliveries_verification on deliveries (verification_id);
-- What a receipt names.
create index deliveries_message on deliveries (provider, provider_id)
    where provider_id <> '';
-- How well each provider's SMS work, read from it alone but for the method (SQLite
-- would go to the row for a channel that only the condition names).
create index deliveries_sms on deliveries (accepted_at, provider, country, verification_id, channel)
    where channel = 'sms' and accepted_at is not null;

-- Facts about a verification, or about a device or a provider (then without
-- verification and with seq 0; of a provider without a user). Kept when what they tell of is gone.
create table events (
    id              text   not null primary key,
    verification_id text   references verifications (id),
    user_id         text   not null,
    seq             bigint not null,
    name            text   not null,
    at              bigint not null,
    data            text   not null -- JSON, without codes, tokens and numbers
);
create unique index events_seq on events (verification_id, seq);
create index events_at on events (at, verification_id, user_id, seq); -- repair reads what changed lately from it alone
create index events_user on events (user_id, at);
-- What operators did.
create index events_acts on events (at) where name = 'operator.acted';

create table devices (
    id            text   not null primary key,
    user_id       text   not null,
    name          text   not null,
    platform      text   not null,
    sign_key      text   not null, -- public JWK
    encrypt_key   text   not null, -- public JWK; empty: none
    push_provider text   not null, -- empty: push is off
    push_sealed   text   not null,
    created_at    bigint not null,
    seen_at       bigint,
    revoked_at    bigint
);
create index devices_user on devices (user_id, created_at);

-- What users chose for all their verifications. Who chose nothing has no row.
create table settings (
    user_id            text   not null primary key,
    channel_preference text   not null, -- auto, push, sms or both
    locale             text   not null, -- empty: none
    changed_at         bigint not null
);

-- What operators decided about users. About whom nothing was decided has no row.
create table holds (
    user_id    text   not null primary key,
    blocked_at bigint, -- null unless the user is blocked
    lifted_at  bigint  -- reports from before hold nothing back
);

-- The users who are blocked, for an operator.
create index holds_blocked on holds (blocked_at, user_id) where blocked_at is not null;

-- What operators refuse codes to: numbers, prefixes of numbers, countries.
create table blocks (
    id      text   not null primary key,
    kind    text   not null, -- number, prefix or country
    key     text   not null unique, -- the kind and a keyed hash, or the country's code
    label   text   not null, -- what an operator knows it by: a number is masked
    at      bigint not null,
    made_by text   not null
);
create index blocks_newest on blocks (at, id);

-- What a user, a number, an address or a prefix of numbers used lately, for the limits.
-- They outlast erasures, or limits would not hold, and name nobody: keyed hashes. What is
-- in the state only package verify knows.
create table meters (
    key        text   not null primary key,
    state      text   not null, -- JSON
    expires_at bigint not null  -- then it says nothing any more
);
create index meters_expired on meters (expires_at);

-- The codes that went to a country, by spans of time. They are added to, each connection
-- in a slot of its own, so that nobody waits for another: what counts is the sum of all slots.
create table budgets (
    country text   not null,
    ends_at bigint not null, -- then no budget looks at the span any more
    width   bigint not null, -- of the span, in minutes
    slot    bigint not null,
    nr      bigint not null, -- which span: whole ones since 1970, UTC
    sent    bigint not null,
    proved  bigint not null,
    primary key (country, ends_at, width, slot)
);
create index budgets_ended on budgets (ends_at);

-- Sums of the whole deployment that limits look at, in slots likewise, and what was told
-- of them once.
create table sums (
    name  text   not null,
    start bigint not null, -- of the hour or of the day, UTC
    slot  bigint not null,
    n     bigint not null,
    primary key (name, start, slot)
);
create index sums_old on sums (start);

-- Browsers in which a user was approved and asked to be remembered. A token is
-- derived from the row, the newest one and the one before from its generation.
create table trusted_devices (
    id             text   not null primary key,
    user_id        text   not null,
    key_id         text   not null,
    generation     bigint not null, -- of the newest token
    networks       text   not null, -- JSON: keyed hashes of the networks that the person was approved from
    shown_sealed   text   not null, -- by what the person knows it: user agent and location
    approved_at    bigint not null,
    expires_at     bigint not null,
    rotated_at     bigint not null,
    used_at        bigint,
    revoked_at     bigint,
    revoked_reason text   not null
);
create index trusted_devices_user on trusted_devices (user_id, approved_at);
create index trusted_devices_expired on trusted_devices (expires_at);

create table enrollments (
    id         text   not null primary key, -- the token is derived from it
    user_id    text   not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at    bigint
);
create index enrollments_expired on enrollments (expires_at);
create index enrollments_user on enrollments (user_id);

-- Idempotency-Key: which answer a repeat is told. Key and body are keyed hashes,
-- because callers put phone numbers into both.
create table idempotency (
    id                 text   not null primary key,
    body_hash          text   not null,
    status             bigint not null, -- 0 only inside the transaction that writes it
    body_sealed        text   not null,
    verification_id    text   not null,
    secret_generation  bigint not null,
    prompt_generation  bigint not null,
    trusted_generation bigint not null,
    subject            text   not null,
    created_at         bigint not null
);
create index idempotency_created on idempotency (created_at);
-- The answers about what is erased.
create index idempotency_verification on idempotency (verification_id) where verification_id <> '';
create index idempotency_subject on idempotency (subject) where subject <> '';

-- One-use token ids of devices, kept until the token would have expired.
create table spent_tokens (
    id         text   not null primary key, -- keyed hash of device and jti
    expires_at bigint not null
);
create index spent_tokens_expired on spent_tokens (expires_at);

-- Webhooks: events on their way to the integrator, one row each, written with the
-- event while webhooks are on. What is sent stands in the event.
create table webhooks (
    event_id     text   not null primary key references events (id) on delete cascade, -- the webhook-id
    state        text   not null, -- waiting, held, delivered or failed
    due_at       bigint,          -- of a waiting one; while it is tried: the lease's end
    attempts     bigint not null, -- counted before they run
    begun_at     bigint not null, -- when its day of tries began: when it was made, or replayed
    lease_token  text   not null, -- a worker that lost its lease writes nothing
    status       bigint not null, -- the last try's HTTP status; 0: no answer came
    detail       text   not null, -- what went wrong with it, in a word
    created_at   bigint not null,
    settled_at   bigint           -- null: it waits
);
-- The dispatcher's claim.
create index webhooks_due on webhooks (state, due_at) where due_at is not null;
-- The newest in each state and how many there are, for an operator and for replays.
create index webhooks_newest on webhooks (state, created_at);
-- What has been kept long enough.
create index webhooks_settled on webhooks (state, settled_at) where settled_at is not null;

-- Endpoints that want no more webhooks: they answered 410 Gone. One that is
-- enabled again, or never was disabled, has no row.
create table webhook_endpoints (
    id          text   not null primary key, -- keyed hash of its URL
    disabled_at bigint not null,
    reason      text   not null
);

-- Sums of what events tell, by hour, by day and by week. They name nobody: which group a cell
-- stands for, and what its measures are, package analytics says.
create table tallies (
    span    text   not null, -- hour, day or week
    start   bigint not null, -- of that span, UTC; weeks begin on Mondays
    family  text   not null,
    cell    text   not null,
    measure text   not null,
    n       bigint not null,
    primary key (span, start, family, cell, measure)
);

-- Whether five people stand behind the sums of a day: keyed hashes of the first five; of
-- one who was erased, a random token in their place.
create table tally_people (
    day    bigint not null, -- its start, UTC
    family text   not null,
    cell   text   not null,
    person text   not null,
    primary key (day, family, cell, person)
);
create index tally_people_person on tally_people (person);

-- Up to which event the sums count. One row.
create table tally_cursor (
    at       bigint not null,
    id       text   not null, -- of the last event counted, the greatest of its time
    erasures bigint not null  -- of people: who counts one of whom counting knew writes nothing
);
insert into tally_cursor (at, id, erasures) values (0, '', 0);

-- +goose StatementEnd
