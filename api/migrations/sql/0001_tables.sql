CREATE EXTENSION IF NOT EXISTS postgis;

-- Time ---------------------------------------------------------------------------------------

-- One row: the clock everybody reads. In normal mode it is the machine's; in simulated mode it
-- stands at simulated_at, or ticks on from there since ticking_since.
CREATE TABLE clock (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    mode          text NOT NULL CHECK (mode IN ('normal', 'simulated')),
    simulated_at  timestamptz,
    ticking_since timestamptz,
    has_run       boolean NOT NULL DEFAULT false,
    CHECK ((mode = 'simulated') = (simulated_at IS NOT NULL)),
    CHECK (mode = 'simulated' OR ticking_since IS NULL)
);

CREATE FUNCTION alentour_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(
        (SELECT CASE
            WHEN mode = 'normal' THEN NULL
            WHEN ticking_since IS NULL THEN simulated_at
            ELSE simulated_at + (clock_timestamp() - ticking_since)
         END FROM clock),
        clock_timestamp())
$$;

-- What workers keep in memory ------------------------------------------------------------------

-- One row, written last in every transaction that edits retailers, places, offers or caps.
CREATE TABLE config_version (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version      bigint NOT NULL DEFAULT 1,
    stop_version bigint NOT NULL DEFAULT 1
);
INSERT INTO config_version DEFAULT VALUES;

-- Retailers and their keys ---------------------------------------------------------------------

-- stopped_by, here and at offers: what the operator stopped, the retailer cannot resume.
CREATE TABLE retailers (
    retailer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external_id text UNIQUE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    stopped_at  timestamptz,
    stopped_by  text CHECK (stopped_by IN ('retailer', 'operator')),
    created_at  timestamptz NOT NULL
);

-- first_key_id: where a line of rotated keys began, itself for a new key. Requests are told apart by
-- it, so that a retry under the next key of the line is still the same request.
CREATE TABLE api_keys (
    key_id       text PRIMARY KEY,
    first_key_id text NOT NULL,
    retailer_id  bigint REFERENCES retailers,
    role         text NOT NULL CHECK (role IN ('admin', 'manage', 'till', 'read')),
    label        text NOT NULL DEFAULT '',
    secret_hash  bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    CHECK ((role = 'admin') = (retailer_id IS NULL))
);
CREATE INDEX ON api_keys (retailer_id);

-- Places ---------------------------------------------------------------------------------------

CREATE TABLE sites (
    site_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id   bigint NOT NULL REFERENCES retailers,
    external_id   text,
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind          text NOT NULL DEFAULT 'shop',
    location      geometry(Point, 4326) NOT NULL,
    time_zone     text NOT NULL,
    opening_hours text,
    tags          jsonb NOT NULL DEFAULT '{}',
    attribution   text,
    revision      integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    UNIQUE (retailer_id, external_id)
);
CREATE INDEX ON sites USING gist (location);
CREATE INDEX ON sites (retailer_id, site_id);

-- A circle is kept as centre and radius for display, and as the 64-cornered polygon that every
-- rule uses: shape is the truth about inside and outside (ST_Covers).
CREATE TABLE fences (
    fence_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id  bigint NOT NULL REFERENCES retailers,
    site_id      bigint REFERENCES sites ON DELETE CASCADE,
    external_id  text,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    shape        geometry(Geometry, 4326) NOT NULL
                 CHECK (GeometryType(shape) IN ('POLYGON', 'MULTIPOLYGON')),
    centre       geometry(Point, 4326),
    radius_m     double precision CHECK (radius_m BETWEEN 20 AND 10000),
    tags         text[] NOT NULL DEFAULT '{}',
    dwell_s      integer NOT NULL DEFAULT 180 CHECK (dwell_s BETWEEN 30 AND 86400),
    retrigger_s  integer NOT NULL DEFAULT 0 CHECK (retrigger_s BETWEEN 0 AND 31536000),
    active_hours text,
    starts_at    timestamptz,
    disabled_at  timestamptz,
    revision     integer NOT NULL DEFAULT 1,
    -- The revision that brought the shape: only a new shape makes visits begin anew.
    shape_revision integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (retailer_id, external_id),
    CHECK ((centre IS NULL) = (radius_m IS NULL)),
    CHECK (disabled_at IS NULL OR starts_at IS NULL OR disabled_at > starts_at)
);
CREATE INDEX ON fences USING gist (shape);
CREATE INDEX ON fences (retailer_id, fence_id);
CREATE INDEX ON fences (site_id);

-- Offers, budgets, caps ------------------------------------------------------------------------

CREATE TABLE offers (
    offer_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id         bigint NOT NULL REFERENCES retailers,
    external_id         text,
    status              text NOT NULL DEFAULT 'draft'
                        CHECK (status IN ('draft', 'active', 'paused', 'ended')),
    content             jsonb NOT NULL,
    triggers            text[] NOT NULL
                        CHECK (triggers <@ ARRAY['enter', 'dwell', 'exit', 'nearby'] AND triggers <> '{}'),
    channel             text NOT NULL CHECK (channel IN ('push', 'inbox')),
    tags                text[] NOT NULL DEFAULT '{}',
    priority            integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    fence_ids           bigint[] NOT NULL DEFAULT '{}',
    fence_tags          text[] NOT NULL DEFAULT '{}',
    site_ids            bigint[] NOT NULL DEFAULT '{}',
    starts_at           timestamptz,
    ends_at             timestamptz,
    weekly_hours        text,
    only_while_open     boolean NOT NULL DEFAULT false,
    customer_limit      integer CHECK (customer_limit BETWEEN 1 AND 1000),
    customer_limit_days integer CHECK (customer_limit_days BETWEEN 1 AND 366),
    re_eligible_after_s integer CHECK (re_eligible_after_s BETWEEN 0 AND 31622400),
    expires_after_s     integer NOT NULL DEFAULT 86400 CHECK (expires_after_s BETWEEN 60 AND 31622400),
    stale_after_s       integer NOT NULL DEFAULT 120 CHECK (stale_after_s BETWEEN 30 AND 900),
    ignores_caps        boolean NOT NULL DEFAULT false,
    counts_toward_caps  boolean NOT NULL DEFAULT true,
    -- What becomes of it in somebody's quiet hours.
    when_quiet          text NOT NULL DEFAULT 'drop' CHECK (when_quiet IN ('drop', 'hold', 'inbox_only')),
    needs_presence      boolean NOT NULL DEFAULT false,
    audience            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(audience) = 'object'),
    holdout_percent     integer NOT NULL DEFAULT 0 CHECK (holdout_percent BETWEEN 0 AND 50),
    regulated           text[] NOT NULL DEFAULT '{}' CHECK (regulated <@ ARRAY['alcohol', 'gambling', 'tobacco']),
    -- How the codes that its tills know are written; NULL: ours are used.
    code_format         text CHECK (code_format IN ('qr', 'ean_13', 'ean_8', 'code_128')),
    stopped_at          timestamptz,
    stopped_by          text CHECK (stopped_by IN ('retailer', 'operator')),
    revision            integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    UNIQUE (retailer_id, external_id),
    CHECK (ends_at IS NULL OR starts_at IS NULL OR ends_at > starts_at)
);
CREATE INDEX ON offers (retailer_id, offer_id);

-- …_available is what no worker has leased; NULL is no limit. A day or week begins at midnight (on
-- Monday) in time_zone, and …_start says which one is counted; lowering its limit under what was given
-- may leave it below zero. The stock of redemptions is taken one by one at the till.
CREATE TABLE offer_budgets (
    offer_id             bigint PRIMARY KEY REFERENCES offers ON DELETE CASCADE,
    deliveries_total     integer CHECK (deliveries_total >= 0),
    deliveries_available integer CHECK (deliveries_available BETWEEN 0 AND deliveries_total),
    redemptions_total    integer CHECK (redemptions_total >= 0),
    redeemed             integer NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
    per_day              integer CHECK (per_day >= 0),
    day_available        integer CHECK (day_available <= per_day),
    day_start            timestamptz,
    per_week             integer CHECK (per_week >= 0),
    week_available       integer CHECK (week_available <= per_week),
    week_start           timestamptz,
    time_zone            text NOT NULL DEFAULT 'Europe/Paris',
    CHECK (redemptions_total IS NULL OR redeemed <= redemptions_total),
    CHECK ((deliveries_total IS NULL) = (deliveries_available IS NULL)),
    CHECK ((per_day IS NULL) = (day_available IS NULL)),
    CHECK ((per_week IS NULL) = (week_available IS NULL))
);

-- Units a worker may spend without asking. Machine time, not the domain's clock: a lease bounds
-- a process, and a simulated hour must not outrun a transaction that is still committing.
CREATE TABLE budget_leases (
    lease_id   uuid PRIMARY KEY,
    offer_id   bigint NOT NULL REFERENCES offers ON DELETE CASCADE,
    worker_id  uuid NOT NULL,
    -- 0 where all it gave went to people who are gone: those units stay given.
    granted    integer NOT NULL CHECK (granted >= 0),
    expires_at timestamptz NOT NULL,
    -- On the domain's clock: the end of the day or week whose units these are, and which those are.
    good_until timestamptz,
    day_start  timestamptz,
    week_start timestamptz
);
CREATE INDEX ON budget_leases (expires_at);
CREATE INDEX ON budget_leases (offer_id);

CREATE TABLE caps (
    cap_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope         text NOT NULL CHECK (scope IN ('system', 'each_retailer', 'retailer', 'offer')),
    retailer_id   bigint REFERENCES retailers,
    offer_id      bigint REFERENCES offers ON DELETE CASCADE,
    channel       text CHECK (channel IN ('push', 'inbox')),
    tag           text,
    at_most       integer NOT NULL CHECK (at_most BETWEEN 0 AND 10000),
    time_window   text NOT NULL CHECK (time_window IN ('rolling', 'calendar')),
    rolling_s     integer CHECK (rolling_s BETWEEN 60 AND 31622400),
    calendar_unit text CHECK (calendar_unit IN ('day', 'week', 'month')),
    revision      integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    CHECK ((time_window = 'rolling') = (rolling_s IS NOT NULL)),
    CHECK ((time_window = 'calendar') = (calendar_unit IS NOT NULL)),
    CHECK ((scope IN ('retailer', 'offer')) = (retailer_id IS NOT NULL)),
    CHECK ((scope = 'offer') = (offer_id IS NOT NULL))
);
INSERT INTO caps (scope, at_most, time_window, calendar_unit, created_at) VALUES
    ('system', 2, 'calendar', 'day', alentour_now()),
    ('system', 6, 'calendar', 'week', alentour_now()),
    ('each_retailer', 1, 'calendar', 'day', alentour_now());

-- One row: what holds where a person chose nothing.
CREATE TABLE defaults (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    quiet_start time NOT NULL DEFAULT '21:00',
    quiet_end   time NOT NULL DEFAULT '08:00',
    -- Of all people, so many in a hundred are given nothing at all, to measure what offers do; who they
    -- are follows from the salt, which is never shown.
    holdout_percent integer NOT NULL DEFAULT 0 CHECK (holdout_percent BETWEEN 0 AND 50),
    holdout_salt    text NOT NULL DEFAULT gen_random_uuid()::text
);
INSERT INTO defaults DEFAULT VALUES;

-- Notices --------------------------------------------------------------------------------------

-- retailer_id NULL: the operator's own. Versions of a purpose are numbered in one line, whoever publishes,
-- so that purpose and version name one text's version for good. lapses_at: from then on a yes to an older
-- version no longer counts; NULL: it counts until it is answered anew.
CREATE TABLE notice_versions (
    purpose      text NOT NULL CHECK (purpose IN
                 ('location_offers', 'location_parking', 'personalisation', 'measurement', 'marketing')),
    version      integer NOT NULL CHECK (version > 0),
    retailer_id  bigint,
    asks_again   boolean NOT NULL,
    grace_days   integer CHECK (grace_days BETWEEN 0 AND 180),
    lapses_at    timestamptz,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (purpose, version),
    CHECK (retailer_id IS NULL OR purpose = 'marketing'),
    CHECK (asks_again OR grace_days IS NULL),
    CHECK ((grace_days IS NULL) = (lapses_at IS NULL))
);
CREATE TABLE notices (
    purpose  text NOT NULL,
    version  integer NOT NULL,
    language text NOT NULL,
    title    text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    text     text NOT NULL CHECK (length(text) BETWEEN 1 AND 10000),
    PRIMARY KEY (purpose, version, language),
    FOREIGN KEY (purpose, version) REFERENCES notice_versions
);

-- Customers: hot tables, bucket first in every key ---------------------------------------------

CREATE TABLE customers (
    bucket      smallint NOT NULL CHECK (bucket BETWEEN 0 AND 63),
    customer_id uuid NOT NULL,
    time_zone   text NOT NULL DEFAULT 'Europe/Paris',
    language    text NOT NULL DEFAULT 'en',
    quiet_start time,
    quiet_end   time,
    interests   text[] NOT NULL DEFAULT '{}',
    age_band    text NOT NULL DEFAULT 'unknown'
                CHECK (age_band IN ('unknown', 'under_15', '15_17', 'adult')),
    -- Where the person lives (ISO 3166), as they said; NULL: what their time zone says.
    country     text CHECK (country ~ '^[A-Z]{2}$'),
    -- The purposes granted now, derived from consents in the transaction that records one, and again
    -- when a consent lapses: what lapsed until grants_as_of is not among them any more.
    grants      text[] NOT NULL DEFAULT '{}',
    grants_as_of timestamptz,
    last_seq    bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id),
    CHECK ((quiet_start IS NULL) = (quiet_end IS NULL)),
    -- The floor under offers.minors: nobody under 15 consents to anything, nobody under 18 to marketing.
    CONSTRAINT minors_consent_to_nothing CHECK (grants = '{}' OR age_band IN ('15_17', 'adult')),
    CONSTRAINT marketing_is_for_adults CHECK
        (age_band = 'adult' OR position('marketing:' IN array_to_string(grants, ' ')) = 0)
) WITH (fillfactor = 80);

CREATE TABLE devices (
    bucket       smallint NOT NULL,
    device_id    uuid NOT NULL,
    customer_id  uuid NOT NULL,
    platform     text NOT NULL CHECK (platform IN ('ios', 'android', 'web')),
    -- pending: joined by a link code, waiting for the first phone's yes.
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'pending', 'revoked')),
    label        text,
    created_at   timestamptz NOT NULL,
    -- The last day it asked for anything but to report fixes, which its state dates.
    seen_on      date,
    revoked_at   timestamptz,
    PRIMARY KEY (bucket, device_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
);
CREATE INDEX ON devices (bucket, customer_id);

-- bucket here is that of the installation id itself: at registration nothing else is known.
CREATE TABLE installations (
    bucket            smallint NOT NULL CHECK (bucket BETWEEN 0 AND 63),
    installation_hash bytea NOT NULL,
    device_bucket     smallint NOT NULL,
    device_id         uuid NOT NULL,
    PRIMARY KEY (bucket, installation_hash)
);

-- A token names its bucket. current: in use. next: handed out by a rotation, and the current one
-- stays valid until this is first used.
CREATE TABLE device_tokens (
    bucket      smallint NOT NULL,
    token_hash  bytea NOT NULL,
    device_id   uuid NOT NULL,
    customer_id uuid NOT NULL,
    status      text NOT NULL CHECK (status IN ('current', 'next')),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, token_hash),
    UNIQUE (bucket, device_id, status),
    FOREIGN KEY (bucket, device_id) REFERENCES devices ON DELETE CASCADE
);

-- Everything the crossing rules remember of a phone; no fix is kept but the last. Never indexed
-- beyond its key, so that an update stays on its page (HOT).
CREATE TABLE device_states (
    bucket      smallint NOT NULL,
    device_id   uuid NOT NULL,
    customer_id uuid NOT NULL,
    state       json,
    PRIMARY KEY (bucket, device_id),
    FOREIGN KEY (bucket, device_id) REFERENCES devices ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE link_codes (
    bucket      smallint NOT NULL,
    code_id     text NOT NULL,
    customer_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    tries_left  smallint NOT NULL DEFAULT 5 CHECK (tries_left >= 0),
    device_id   uuid,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    -- Which installation used it: once confirmed, that is device_id and no longer what it was before.
    installation_bucket smallint,
    installation_hash   bytea,
    PRIMARY KEY (bucket, code_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    CHECK ((installation_bucket IS NULL) = (installation_hash IS NULL))
);

-- Append-only: an answer is never edited, a new one is added. retailer_id NULL is the operator.
CREATE TABLE consents (
    bucket         smallint NOT NULL,
    customer_id    uuid NOT NULL,
    consent_id     uuid NOT NULL,
    purpose        text NOT NULL CHECK (purpose IN
                   ('location_offers', 'location_parking', 'personalisation', 'measurement', 'marketing')),
    retailer_id    bigint,
    channel        text CHECK (channel IN ('push', 'inbox')),
    is_granted     boolean NOT NULL,
    notice_version integer NOT NULL,
    language       text NOT NULL,
    method         text NOT NULL,
    device_id      uuid,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, consent_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    CHECK ((purpose = 'marketing') = (retailer_id IS NOT NULL AND channel IS NOT NULL))
);

CREATE TABLE crossings (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    crossing_id uuid NOT NULL,
    device_id   uuid NOT NULL,
    fence_id    bigint NOT NULL,
    site_id     bigint,
    retailer_id bigint NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('enter', 'dwell', 'exit')),
    confidence  real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, crossing_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);
CREATE INDEX crossings_of_fence ON crossings (fence_id, occurred_at);

CREATE TABLE deliveries (
    bucket             smallint NOT NULL,
    customer_id        uuid NOT NULL,
    delivery_id        uuid NOT NULL,
    seq                bigint NOT NULL,
    device_id          uuid NOT NULL,
    offer_id           bigint NOT NULL,
    retailer_id        bigint NOT NULL,
    site_id            bigint,
    fence_id           bigint NOT NULL,
    crossing_id        uuid NOT NULL,
    trigger            text NOT NULL,
    channel            text NOT NULL,
    tags               text[] NOT NULL,
    counts_toward_caps boolean NOT NULL,
    content            json NOT NULL,
    code               text NOT NULL,
    trace              json NOT NULL,
    lease_id           uuid,
    decided_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    handed_at          timestamptz,
    shown_at           timestamptz,
    opened_at          timestamptz,
    dismissed_at       timestamptz,
    less_like_this_at  timestamptz,
    redeemed_at        timestamptz,
    cancelled_at       timestamptz,
    cancelled_because  text,
    PRIMARY KEY (bucket, customer_id, delivery_id),
    UNIQUE (bucket, customer_id, seq),
    -- One winner for a crossing, however often it is decided.
    UNIQUE (bucket, customer_id, crossing_id),
    UNIQUE (bucket, code),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    CHECK (cancelled_at IS NULL OR redeemed_at IS NULL)
);
CREATE INDEX deliveries_of_customer ON deliveries (bucket, customer_id, decided_at);
CREATE INDEX deliveries_of_lease ON deliveries (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX deliveries_of_offer ON deliveries (offer_id, decided_at);
-- What a stop takes back: few, since most are handed over with the answer that tells them.
CREATE INDEX deliveries_waiting ON deliveries (offer_id) WHERE handed_at IS NULL AND cancelled_at IS NULL;
-- Whose unit of the budget may go back.
CREATE INDEX deliveries_returnable ON deliveries (bucket, expires_at)
    WHERE handed_at IS NULL AND lease_id IS NOT NULL;

-- What somebody who joined this customer had been given before, as another one. For the limits alone:
-- a row for each delivery that took a slot; the delivery itself stays where it was.
CREATE TABLE earlier_deliveries (
    bucket             smallint NOT NULL,
    customer_id        uuid NOT NULL,
    delivery_id        uuid NOT NULL,
    offer_id           bigint NOT NULL,
    retailer_id        bigint NOT NULL,
    channel            text NOT NULL,
    tags               text[] NOT NULL,
    counts_toward_caps boolean NOT NULL,
    was_dismissed      boolean NOT NULL,
    decided_at         timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, delivery_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);

CREATE TABLE redemptions (
    bucket        smallint NOT NULL,
    customer_id   uuid NOT NULL,
    redemption_id uuid NOT NULL,
    delivery_id   uuid NOT NULL,
    offer_id      bigint NOT NULL,
    retailer_id   bigint NOT NULL,
    key_id        text NOT NULL,
    site_id       bigint,
    operation_id  uuid NOT NULL,
    redeemed_at   timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, redemption_id),
    UNIQUE (bucket, customer_id, delivery_id),
    UNIQUE (bucket, operation_id),
    FOREIGN KEY (bucket, customer_id, delivery_id) REFERENCES deliveries
);
CREATE INDEX redemptions_of_offer ON redemptions (offer_id, redeemed_at);

-- What is due later. A row of its own, so that state updates stay HOT.
CREATE TABLE timers (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    device_id   uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('dwell')),
    fence_id    bigint NOT NULL,
    due_at      timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, device_id, kind, fence_id),
    FOREIGN KEY (bucket, device_id) REFERENCES devices ON DELETE CASCADE
);
CREATE INDEX timers_due ON timers (bucket, due_at);

CREATE TABLE idempotency_keys (
    bucket       smallint NOT NULL,
    principal    text NOT NULL,
    key          text NOT NULL,
    operation    text NOT NULL,
    body_hash    bytea NOT NULL,
    state        text NOT NULL CHECK (state IN ('in_flight', 'done')),
    operation_id uuid NOT NULL,
    status       smallint,
    headers      json,
    answer       bytea,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (bucket, principal, key)
);
CREATE INDEX ON idempotency_keys (bucket, created_at);
