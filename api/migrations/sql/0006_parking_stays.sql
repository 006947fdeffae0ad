-- Quotes, stays and what they are worth to an inspector.

-- Whether an operator gives back what an early stop leaves unused, and which VAT receipts state. A zone
-- without a row gives nothing back and states none.
CREATE TABLE parking_stay_rules (
    zone_id           bigint PRIMARY KEY REFERENCES parking_zones ON DELETE CASCADE,
    pays_actual_time  boolean NOT NULL,
    vat_basis_points  integer CHECK (vat_basis_points BETWEEN 0 AND 10000),
    updated_at        timestamptz NOT NULL
);

-- Stays of customers --------------------------------------------------------------------------------

-- A price that holds for some minutes. The plate as parking_plates keeps it; without one it only informs.
CREATE TABLE parking_quotes (
    bucket         smallint NOT NULL,
    customer_id    uuid NOT NULL,
    quote_id       uuid NOT NULL,
    zone_id        bigint NOT NULL REFERENCES parking_zones ON DELETE CASCADE,
    tariff_id      bigint NOT NULL,
    tariff_version integer NOT NULL,
    classes        text[] NOT NULL,
    plate_hmac     bytea CHECK (length(plate_hmac) = 32),
    plate_sealed   bytea,
    starts_at      timestamptz NOT NULL,
    until          timestamptz NOT NULL CHECK (until > starts_at),
    covered_until  timestamptz NOT NULL CHECK (covered_until >= until),
    price_minor    integer NOT NULL CHECK (price_minor >= 0),
    currency       text NOT NULL,
    fps_minor      integer CHECK (fps_minor >= 0),
    free_before    jsonb NOT NULL,   -- free minutes the plate had before, by local day
    quoted_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL CHECK (expires_at > quoted_at),
    used_by        uuid,          -- the stay that began with it
    PRIMARY KEY (bucket, customer_id, quote_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    CHECK ((plate_hmac IS NULL) = (plate_sealed IS NULL))
);
CREATE INDEX ON parking_quotes (bucket, expires_at);

-- A stay, by the version of the tariff that its quote pinned. due_at: when to look at it by itself again.
CREATE TABLE parking_sessions (
    bucket         smallint NOT NULL,
    customer_id    uuid NOT NULL,
    session_id     uuid NOT NULL,
    quote_id       uuid NOT NULL,
    operation_id   uuid NOT NULL,
    zone_id        bigint NOT NULL REFERENCES parking_zones,
    tariff_id      bigint NOT NULL,
    tariff_version integer NOT NULL,
    classes        text[] NOT NULL,
    plate_hmac     bytea NOT NULL CHECK (length(plate_hmac) = 32),
    plate_sealed   bytea NOT NULL,
    state          text NOT NULL CHECK (state IN ('pending', 'active', 'ended', 'dropped')),
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL CHECK (ends_at > starts_at),
    covered_until  timestamptz NOT NULL,
    ended_at       timestamptz,
    ended_because  text CHECK (ended_because IN ('stopped', 'expired')),
    currency       text NOT NULL,
    fps_minor      integer CHECK (fps_minor >= 0),
    free_before    jsonb NOT NULL,   -- free minutes the plate had before, by local day
    remind_s       integer CHECK (remind_s > 0),
    reminded_of    timestamptz,
    due_at         timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, session_id),
    UNIQUE (bucket, operation_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    CHECK ((state = 'ended') = (ended_at IS NOT NULL) AND (state = 'ended') = (ended_because IS NOT NULL)),
    CHECK (state IN ('pending', 'active') OR due_at IS NULL)
);
CREATE INDEX ON parking_sessions (bucket, customer_id, created_at DESC);
CREATE INDEX parking_sessions_due ON parking_sessions (bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON parking_sessions (bucket, created_at);

-- What a stay is made of: its first time and each extension, one payment each (none where it is free).
CREATE TABLE parking_purchases (
    bucket           smallint NOT NULL,
    customer_id      uuid NOT NULL,
    session_id       uuid NOT NULL,
    purchase_id      uuid NOT NULL,
    operation_id     uuid NOT NULL,
    until            timestamptz NOT NULL,
    covered_until    timestamptz NOT NULL CHECK (covered_until >= until),
    price_minor      integer NOT NULL CHECK (price_minor >= 0),
    state            text NOT NULL CHECK (state IN ('pending', 'paid', 'failed', 'given_back')),
    payment_id       uuid,
    given_back_minor integer NOT NULL DEFAULT 0 CHECK (given_back_minor BETWEEN 0 AND price_minor),
    asked_at         timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, session_id, purchase_id),
    UNIQUE (bucket, operation_id),
    FOREIGN KEY (bucket, customer_id, session_id) REFERENCES parking_sessions ON DELETE CASCADE,
    CHECK (payment_id IS NOT NULL OR price_minor = 0)
);
CREATE UNIQUE INDEX parking_purchases_one_pending ON parking_purchases (bucket, customer_id, session_id)
    WHERE state = 'pending';

-- What an inspector may know ------------------------------------------------------------------------

-- By plate, of whoever's stay: bucket is the plate's, from its HMAC, and nothing leads to the customer.
-- claimed: not paid yet; valid: paid, from starts_at until covered_until; over: ended, kept for the net FPS.
-- right_id is the stay's id while its customer is there.
CREATE TABLE parking_rights (
    bucket         smallint NOT NULL,
    plate_hmac     bytea NOT NULL CHECK (length(plate_hmac) = 32),
    right_id       uuid NOT NULL,
    plate_sealed   bytea NOT NULL,
    zone_id        bigint NOT NULL REFERENCES parking_zones,
    retailer_id    bigint NOT NULL,
    tariff_id      bigint NOT NULL,
    tariff_version integer NOT NULL,
    classes        text[] NOT NULL,
    state          text NOT NULL CHECK (state IN ('claimed', 'valid', 'over')),
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,          -- of an ended stay, when it ended
    covered_until  timestamptz NOT NULL,
    paid_minor     integer NOT NULL CHECK (paid_minor >= 0),
    currency       text NOT NULL,
    fps_minor      integer CHECK (fps_minor >= 0),
    free_used      jsonb NOT NULL,
    is_nobodys     boolean NOT NULL DEFAULT false, -- its customer was erased; it goes when it is over
    PRIMARY KEY (bucket, plate_hmac, right_id)
);
-- One plate has one stay in a zone at a time, whoever pays for it.
CREATE UNIQUE INDEX parking_rights_one_stay ON parking_rights (bucket, plate_hmac, zone_id)
    WHERE state <> 'over';
CREATE INDEX parking_rights_of_plate ON parking_rights (bucket, plate_hmac, covered_until);
CREATE INDEX parking_rights_of_zone ON parking_rights (bucket, zone_id, covered_until) WHERE state <> 'claimed';
CREATE INDEX parking_rights_left ON parking_rights (bucket, covered_until) WHERE is_nobodys;

-- Inspectors have a role of their own.
ALTER TABLE api_keys DROP CONSTRAINT api_keys_role_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_role_check
    CHECK (role IN ('admin', 'manage', 'till', 'read', 'enforce'));
ALTER TABLE audit_log DROP CONSTRAINT audit_log_role_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_role_check
    CHECK (role IN ('admin', 'manage', 'till', 'read', 'enforce', 'command'));
