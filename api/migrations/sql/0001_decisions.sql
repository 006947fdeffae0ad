-- What a decision may need beyond the offer and the crossing, and what it leaves behind besides a
-- delivery: offers held over the quiet hours, people held out, visits counted, codes of tills.

-- An offer that waits for the end of somebody's quiet hours; one for each offer and customer. It is
-- decided anew in full when it is let go, and then it ends, whatever comes of it.
CREATE TABLE held_offers (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    offer_id    bigint NOT NULL,
    device_id   uuid NOT NULL,
    fence_id    bigint NOT NULL,
    crossing_id uuid NOT NULL,
    trigger     text NOT NULL CHECK (trigger IN ('enter', 'dwell', 'exit')),
    crossed_at  timestamptz NOT NULL,
    held_at     timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, offer_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers,
    FOREIGN KEY (bucket, device_id) REFERENCES devices ON DELETE CASCADE,
    CHECK (due_at > held_at)
);
CREATE INDEX held_offers_due ON held_offers (bucket, due_at);

-- Who would have been given an offer, and was not, so that its effect can be measured: the first time
-- for each offer. Sticky: the draw depends on the salt, the customer and the offer alone.
CREATE TABLE holdouts (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    offer_id    bigint NOT NULL,
    retailer_id bigint NOT NULL,
    site_id     bigint,
    fence_id    bigint NOT NULL,
    crossing_id uuid NOT NULL,
    drawn_for   text NOT NULL CHECK (drawn_for IN ('everything', 'offer')),
    trace       json NOT NULL,
    decided_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, offer_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);
CREATE INDEX holdouts_of_offer ON holdouts (offer_id, decided_at);

-- How one retailer calls one of its own customers, who asked for it: it means nothing to anybody else.
CREATE TABLE customer_references (
    bucket         smallint NOT NULL,
    customer_id    uuid NOT NULL,
    retailer_id    bigint NOT NULL REFERENCES retailers,
    reference_hash bytea NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, retailer_id),
    UNIQUE (bucket, reference_hash),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);

-- What a retailer says about its own customer; only that retailer's offers read it.
CREATE TABLE customer_attributes (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    retailer_id bigint NOT NULL REFERENCES retailers,
    attributes  jsonb NOT NULL CHECK (jsonb_typeof(attributes) = 'object'),
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, retailer_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);

-- Codes that a retailer's tills know, one for each delivery that asks for one. As many deliveries are
-- in the offer's budget as there are codes, so that whoever was given the offer finds one.
CREATE TABLE offer_codes (
    offer_id    bigint NOT NULL REFERENCES offers ON DELETE CASCADE,
    code        text NOT NULL CHECK (length(code) BETWEEN 1 AND 200),
    bucket      smallint,
    customer_id uuid,
    delivery_id uuid,
    claimed_at  timestamptz,
    PRIMARY KEY (offer_id, code),
    -- Claimed without a delivery: whoever was shown it is gone, or the delivery is.
    CHECK (delivery_id IS NULL OR claimed_at IS NOT NULL),
    CHECK ((delivery_id IS NULL) = (customer_id IS NULL) AND (customer_id IS NULL) = (bucket IS NULL))
);
CREATE UNIQUE INDEX offer_codes_of_delivery ON offer_codes (bucket, customer_id, delivery_id)
    WHERE delivery_id IS NOT NULL;
CREATE INDEX offer_codes_free ON offer_codes (offer_id) WHERE claimed_at IS NULL;

-- What was decided, without people: for every crossing and every offer it concerned one outcome, and one
-- more for each held offer when it was let go. Flushes append; the sweeper folds them into the totals.
CREATE TABLE decision_counts (
    bucket   smallint NOT NULL,
    count_id uuid NOT NULL,
    hour     timestamptz NOT NULL,
    offer_id bigint NOT NULL,
    fence_id bigint NOT NULL,
    moment   text NOT NULL CHECK (moment IN ('crossing', 'letting_go')),
    outcome  text NOT NULL,
    n        integer NOT NULL CHECK (n > 0),
    PRIMARY KEY (bucket, count_id, offer_id, fence_id, moment, outcome, hour)
);
CREATE TABLE decision_totals (
    offer_id bigint NOT NULL,
    hour     timestamptz NOT NULL,
    fence_id bigint NOT NULL,
    moment   text NOT NULL,
    outcome  text NOT NULL,
    n        bigint NOT NULL,
    PRIMARY KEY (offer_id, hour, fence_id, moment, outcome)
);

-- Budgets by lease. A lease never outlasts the day or week it was counted in, on the domain's clock.

CREATE FUNCTION period_start(p_unit text, p_time_zone text, p_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT date_trunc(p_unit, p_at AT TIME ZONE p_time_zone) AT TIME ZONE p_time_zone
$$;

CREATE FUNCTION period_end(p_unit text, p_time_zone text, p_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT (date_trunc(p_unit, p_at AT TIME ZONE p_time_zone) + ('1 ' || p_unit)::interval) AT TIME ZONE p_time_zone
$$;

-- Moves max(1, min(100, remaining / (4 × workers))) units to a lease; no row when nothing remains.
CREATE FUNCTION take_lease(
    p_offer_id bigint, p_workers integer, p_lease_id uuid, p_worker_id uuid, p_seconds double precision
) RETURNS TABLE (granted integer, good_until timestamptz) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    b           offer_budgets;
    v_now       timestamptz;
    v_day       timestamptz;
    v_week      timestamptz;
    v_remaining integer;
    v_units     integer;
    v_until     timestamptz;
BEGIN
    SELECT * INTO b FROM offer_budgets WHERE offer_id = p_offer_id FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    v_now := alentour_now();
    IF b.per_day IS NOT NULL THEN
        v_day := period_start('day', b.time_zone, v_now);
        IF b.day_start IS DISTINCT FROM v_day THEN b.day_available := b.per_day; END IF;
    END IF;
    IF b.per_week IS NOT NULL THEN
        v_week := period_start('week', b.time_zone, v_now);
        IF b.week_start IS DISTINCT FROM v_week THEN b.week_available := b.per_week; END IF;
    END IF;
    v_remaining := least(b.deliveries_available, b.day_available, b.week_available);
    IF v_remaining IS NULL OR v_remaining <= 0 THEN RETURN; END IF;
    v_units := greatest(1, least(100, v_remaining / (4 * p_workers)));
    v_until := least(
        CASE WHEN v_day IS NOT NULL THEN period_end('day', b.time_zone, v_now) END,
        CASE WHEN v_week IS NOT NULL THEN period_end('week', b.time_zone, v_now) END);
    UPDATE offer_budgets SET
        deliveries_available = b.deliveries_available - v_units,
        day_available = b.day_available - v_units, day_start = v_day,
        week_available = b.week_available - v_units, week_start = v_week
    WHERE offer_id = p_offer_id;
    INSERT INTO budget_leases (lease_id, offer_id, worker_id, granted, expires_at, good_until, day_start, week_start)
    VALUES (p_lease_id, p_offer_id, p_worker_id, v_units, clock_timestamp() + make_interval(secs => p_seconds),
            v_until, v_day, v_week);
    RETURN QUERY SELECT v_units, v_until;
END
$$;

-- Gives units back to whichever of the total, the day and the week they were taken from.
CREATE FUNCTION return_units(
    p_offer_id bigint, p_units integer, p_day_start timestamptz, p_week_start timestamptz
) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE offer_budgets SET
        deliveries_available = least(deliveries_total, deliveries_available + p_units),
        day_available = CASE WHEN day_start = p_day_start THEN least(per_day, day_available + p_units)
                             ELSE day_available END,
        week_available = CASE WHEN week_start = p_week_start THEN least(per_week, week_available + p_units)
                              ELSE week_available END
    WHERE offer_id = p_offer_id
$$;
