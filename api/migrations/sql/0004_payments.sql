-- Payments -------------------------------------------------------------------------------------

-- One payment of one customer to one business for one thing (subject, subject_id). No card data: the
-- payment method is the provider's opaque token, and goes as soon as it is not needed any more.
-- begun_at, claim, claimed_until and look_at are machine time: providers do not follow a simulated clock.
CREATE TABLE payments (
    bucket          smallint NOT NULL CHECK (bucket BETWEEN 0 AND 63),
    customer_id     uuid NOT NULL,
    payment_id      uuid NOT NULL,
    operation_id    uuid NOT NULL,
    subject         text NOT NULL CHECK (subject ~ '^[a-z][a-z_]{0,29}$'),
    subject_id      uuid NOT NULL,
    retailer_id     bigint NOT NULL,
    amount_minor    bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 99999999),
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state           text NOT NULL CHECK (state IN ('requested', 'requires_action', 'authorised', 'captured',
                                         'partially_refunded', 'refunded', 'declined', 'cancelled')),
    payment_method  text CHECK (length(payment_method) BETWEEN 1 AND 255),
    provider        text CHECK (provider IN ('sandbox', 'stripe')),
    provider_ref    text CHECK (length(provider_ref) BETWEEN 1 AND 255),
    client_secret   text CHECK (length(client_secret) BETWEEN 1 AND 500),
    decline_reason  text CHECK (length(decline_reason) BETWEEN 1 AND 100),
    captured_minor  bigint NOT NULL DEFAULT 0,
    refunding_minor bigint NOT NULL DEFAULT 0 CHECK (refunding_minor >= 0),
    refunded_minor  bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    begun_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        integer NOT NULL DEFAULT 0,
    claim           uuid,
    claimed_until   timestamptz,
    look_at         timestamptz,
    PRIMARY KEY (bucket, customer_id, payment_id),
    UNIQUE (bucket, payment_id),
    UNIQUE (bucket, operation_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    -- All or nothing is captured, and exactly where the state says so.
    CONSTRAINT captured_as_the_state_says CHECK (captured_minor = CASE
        WHEN state IN ('captured', 'partially_refunded', 'refunded') THEN amount_minor ELSE 0 END),
    CONSTRAINT never_more_refunded_than_captured CHECK (refunded_minor + refunding_minor <= captured_minor),
    CONSTRAINT refunded_as_the_state_says CHECK (CASE state
        WHEN 'refunded' THEN refunded_minor = captured_minor
        WHEN 'partially_refunded' THEN refunded_minor > 0 AND refunded_minor < captured_minor
        ELSE refunded_minor = 0 END),
    CONSTRAINT asked_before_it_moves CHECK
        (state IN ('requested', 'declined', 'cancelled') OR provider_ref IS NOT NULL),
    CHECK (provider_ref IS NULL OR provider IS NOT NULL),
    CHECK (client_secret IS NULL OR state = 'requires_action'),
    CHECK (decline_reason IS NULL OR state IN ('declined', 'cancelled')),
    -- What only a payment on its way needs.
    CONSTRAINT settled_keeps_no_method CHECK
        (payment_method IS NULL OR state IN ('requested', 'requires_action', 'authorised')),
    CONSTRAINT settled_is_not_looked_at CHECK
        ((look_at IS NOT NULL) = (state IN ('requested', 'requires_action', 'authorised'))),
    CHECK ((claim IS NULL) = (claimed_until IS NULL))
);
CREATE INDEX payments_by_time ON payments (bucket, customer_id, created_at DESC, payment_id DESC);
CREATE INDEX payments_to_look_at ON payments (bucket, look_at) WHERE look_at IS NOT NULL;
CREATE UNIQUE INDEX payments_of_provider ON payments (bucket, provider, provider_ref)
    WHERE provider_ref IS NOT NULL;
CREATE INDEX payments_of_subject ON payments (bucket, subject, subject_id);

-- Asked for in the transaction that reserves its amount on the payment (refunding_minor).
CREATE TABLE refunds (
    bucket        smallint NOT NULL,
    customer_id   uuid NOT NULL,
    refund_id     uuid NOT NULL,
    payment_id    uuid NOT NULL,
    operation_id  uuid NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    state         text NOT NULL CHECK (state IN ('requested', 'refunded', 'failed')),
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    first_key_id  text,   -- whose key asked; NULL: the service itself
    provider_ref  text CHECK (length(provider_ref) BETWEEN 1 AND 255),
    created_at    timestamptz NOT NULL,
    settled_at    timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    claim         uuid,
    claimed_until timestamptz,
    look_at       timestamptz,
    PRIMARY KEY (bucket, customer_id, refund_id),
    UNIQUE (bucket, operation_id),
    FOREIGN KEY (bucket, customer_id, payment_id) REFERENCES payments,
    CHECK ((look_at IS NOT NULL) = (state = 'requested')),
    CHECK ((settled_at IS NULL) = (state = 'requested')),
    CHECK ((claim IS NULL) = (claimed_until IS NULL))
);
CREATE INDEX refunds_of_payment ON refunds (bucket, customer_id, payment_id);
CREATE INDEX refunds_to_look_at ON refunds (bucket, look_at) WHERE look_at IS NOT NULL;

-- The ledger: every row moves an amount from the account that is credited to the one that is debited, so
-- that none can be out of balance. The key lets each capture and each refund be posted once.
CREATE TABLE ledger_entries (
    bucket       smallint NOT NULL,
    customer_id  uuid NOT NULL,
    payment_id   uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('capture', 'refund')),
    cause_id     uuid NOT NULL,   -- the payment, or the refund
    debit        text NOT NULL CHECK (debit ~ '^[a-z_]+(:[a-z0-9_]+)+$'),
    credit       text NOT NULL CHECK (credit ~ '^[a-z_]+(:[a-z0-9_]+)+$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    retailer_id  bigint NOT NULL,
    posted_at    timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, kind, cause_id),
    FOREIGN KEY (bucket, customer_id, payment_id) REFERENCES payments,
    CHECK (debit <> credit),
    CHECK (kind <> 'capture' OR cause_id = payment_id)
);
CREATE INDEX ledger_of_payment ON ledger_entries (bucket, customer_id, payment_id);

-- The same of people who are gone (docs/adr/0012): a day for the moment, an HMAC for every id.
CREATE TABLE ledger_proofs (
    bucket         smallint NOT NULL,
    customer_proof bytea NOT NULL,
    payment_proof  bytea NOT NULL,
    cause_proof    bytea NOT NULL,
    provider_proof bytea NOT NULL,   -- of the provider's id, to find what its statements name
    key_name       text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('capture', 'refund')),
    debit          text NOT NULL,
    credit         text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    retailer_id    bigint NOT NULL,
    posted_on      date NOT NULL,
    PRIMARY KEY (bucket, kind, cause_proof),
    CHECK (debit <> credit)
);
CREATE INDEX ledger_proofs_of_customer ON ledger_proofs (bucket, customer_proof);
CREATE INDEX ledger_proofs_by_day ON ledger_proofs (bucket, posted_on);

-- Both, line by line: a debit is positive, a credit negative.
CREATE VIEW ledger_lines AS
    SELECT e.retailer_id, e.kind, l.account, e.currency, l.amount_minor
    FROM (SELECT retailer_id, kind, debit, credit, amount_minor, currency FROM ledger_entries
          UNION ALL
          SELECT retailer_id, kind, debit, credit, amount_minor, currency FROM ledger_proofs) AS e
    CROSS JOIN LATERAL (VALUES (e.debit, e.amount_minor), (e.credit, -e.amount_minor))
        AS l(account, amount_minor);

-- What the sandbox provider knows: play money, written on connections of its own, as another company's
-- computer would. It names no customer.
CREATE TABLE sandbox_intents (
    intent_ref      text PRIMARY KEY,
    key_hash        bytea NOT NULL UNIQUE,
    method          text,
    state           text NOT NULL CHECK (state IN ('open', 'requires_action', 'authorised', 'captured',
                                                   'declined', 'cancelled')),
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    currency        text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    captured_minor  bigint NOT NULL DEFAULT 0,
    refunded_minor  bigint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    action_until    timestamptz,
    CHECK (refunded_minor <= captured_minor AND captured_minor <= amount_minor)
);
CREATE TABLE sandbox_refunds (
    refund_ref   text PRIMARY KEY,
    key_hash     bytea NOT NULL UNIQUE,
    intent_ref   text NOT NULL REFERENCES sandbox_intents ON DELETE CASCADE,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
