-- Cars are followed for parking, with a consent of its own, and their drivers are asked.

-- Questions and reminders about parking: services, which no cap counts. One of a kind and session at a
-- time; of `pay` the zones, the likeliest first.
CREATE TABLE parking_prompts (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    prompt_id   uuid NOT NULL,
    device_id   uuid,
    kind        text NOT NULL CHECK (kind IN ('pay', 'stop', 'ending')),
    zone_ids    bigint[] NOT NULL CHECK (cardinality(zone_ids) BETWEEN 1 AND 5),
    session_id  uuid,
    ends_at     timestamptz,
    asked_at    timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at > asked_at),
    answered_at timestamptz,
    PRIMARY KEY (bucket, customer_id, prompt_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers ON DELETE CASCADE,
    CHECK ((kind = 'pay') = (session_id IS NULL)),
    CHECK (kind <> 'ending' OR ends_at IS NOT NULL)
);
-- Each end of a session is told once, and so is each leaving.
CREATE UNIQUE INDEX parking_prompts_once
    ON parking_prompts (bucket, customer_id, session_id, kind, (coalesce(ends_at, '-infinity')))
    WHERE session_id IS NOT NULL;
CREATE INDEX parking_prompts_expire ON parking_prompts (bucket, expires_at);

-- As before, and the flag 64.
CREATE OR REPLACE FUNCTION lock_and_load(
    p_buckets        smallint[],   -- one per request: the bucket its token names
    p_token_hashes   bytea[],      -- one per request
    p_timer_buckets  smallint[],   -- one per due timer
    p_timer_devices  uuid[],
    p_wait           boolean       -- wait for locked customers (bounded by lock_timeout), or skip them
) RETURNS TABLE (
    ord          integer,   -- 1-based position among requests, then timers; 0 is the row of the two last
    bucket       smallint,
    customer_id  uuid,
    device_id    uuid,
    flags        smallint,  -- in row 0: 1 when time runs by itself; else 1 locked, 2 active device, 4 first use of a rotated token, 8 may be followed for offers, 16 pending device, 32 a consent may have lapsed, 64 may be followed for parking
    state        text,
    decided_at   timestamptz,
    version      bigint,
    stop_version bigint
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_ords      integer[];
    v_buckets   smallint[];
    v_devices   uuid[];
    v_customers uuid[];
    v_are_new   boolean[];
    v_locked    uuid[] := '{}';
    v_followed  uuid[] := '{}';  -- for offers
    v_driving   uuid[] := '{}';  -- for parking
    v_as_of     timestamptz[];  -- of the locked ones, in their order
    v_overdue   uuid[] := '{}';
    v_lapse     timestamptz;
    v_now       timestamptz;
    v_version   bigint;
    v_stop      bigint;
BEGIN
    -- Whose devices these are never changes; whether they may still act is read under the locks.
    SELECT array_agg(w.ord), array_agg(w.bucket), array_agg(w.device_id), array_agg(w.customer_id),
           array_agg(w.is_new)
    INTO v_ords, v_buckets, v_devices, v_customers, v_are_new FROM (
        SELECT r.ord::integer AS ord, t.bucket, t.device_id, t.customer_id, t.status = 'next' AS is_new
        FROM unnest(p_buckets, p_token_hashes) WITH ORDINALITY AS r(bucket, token_hash, ord)
        JOIN device_tokens t ON t.bucket = r.bucket AND t.token_hash = r.token_hash
        UNION ALL
        SELECT coalesce(cardinality(p_buckets), 0) + r.ord::integer, d.bucket, d.device_id, d.customer_id, false
        FROM unnest(p_timer_buckets, p_timer_devices) WITH ORDINALITY AS r(bucket, device_id, ord)
        JOIN devices d ON d.bucket = r.bucket AND d.device_id = r.device_id
    ) w;

    IF p_wait THEN
        SELECT coalesce(array_agg(l.customer_id), '{}'),
               coalesce(array_agg(l.customer_id) FILTER (WHERE 'location_offers' = ANY (l.grants)), '{}'),
               coalesce(array_agg(l.customer_id) FILTER (WHERE 'location_parking' = ANY (l.grants)), '{}'),
               array_agg(l.grants_as_of)
        INTO v_locked, v_followed, v_driving, v_as_of FROM (
            SELECT c.customer_id, c.grants, c.grants_as_of
            FROM (SELECT DISTINCT * FROM unnest(v_buckets, v_customers)) AS w(bucket, customer_id)
            JOIN customers c ON c.bucket = w.bucket AND c.customer_id = w.customer_id
            ORDER BY c.bucket, c.customer_id
            FOR NO KEY UPDATE OF c
        ) l;
    ELSE
        SELECT coalesce(array_agg(l.customer_id), '{}'),
               coalesce(array_agg(l.customer_id) FILTER (WHERE 'location_offers' = ANY (l.grants)), '{}'),
               coalesce(array_agg(l.customer_id) FILTER (WHERE 'location_parking' = ANY (l.grants)), '{}'),
               array_agg(l.grants_as_of)
        INTO v_locked, v_followed, v_driving, v_as_of FROM (
            SELECT c.customer_id, c.grants, c.grants_as_of
            FROM (SELECT DISTINCT * FROM unnest(v_buckets, v_customers)) AS w(bucket, customer_id)
            JOIN customers c ON c.bucket = w.bucket AND c.customer_id = w.customer_id
            ORDER BY c.bucket, c.customer_id
            FOR NO KEY UPDATE OF c SKIP LOCKED
        ) l;
    END IF;

    -- The clock is read once, when the locks are held: whoever waited decides later than whom it
    -- waited for.
    v_now := alentour_now();
    SELECT cv.version, cv.stop_version INTO v_version, v_stop FROM config_version cv;

    -- Consents lapse by date. Whose grants were derived before the last date has to be looked at first.
    SELECT max(n.lapses_at) INTO v_lapse FROM notice_versions n WHERE n.lapses_at <= v_now;
    IF v_lapse IS NOT NULL THEN
        SELECT coalesce(array_agg(l.customer_id), '{}') INTO v_overdue
        FROM unnest(v_locked, v_as_of) AS l(customer_id, as_of)
        WHERE l.as_of IS NULL OR l.as_of < v_lapse;
    END IF;

    -- The grants were read from the rows as they were locked; the rest is read now. IN (SELECT unnest)
    -- is a hashed look-up, where a join with the array would compare everybody with everybody.
    RETURN QUERY
    SELECT 0, NULL::smallint, NULL::uuid, NULL::uuid,
           (NOT EXISTS (SELECT FROM clock k WHERE k.mode = 'simulated' AND k.ticking_since IS NULL))::integer::smallint,
           NULL::text, v_now, v_version, v_stop
    UNION ALL
    SELECT w.ord, d.bucket, d.customer_id, d.device_id,
           ((d.customer_id IN (SELECT unnest(v_locked)))::integer
            + 2 * (d.status = 'active')::integer
            + 4 * w.is_new::integer
            + 8 * (d.customer_id IN (SELECT unnest(v_followed)))::integer
            + 16 * (d.status = 'pending')::integer
            + 32 * (d.customer_id IN (SELECT unnest(v_overdue)))::integer
            + 64 * (d.customer_id IN (SELECT unnest(v_driving)))::integer)::smallint,
           s.state::text, NULL, NULL, NULL
    FROM unnest(v_ords, v_buckets, v_devices, v_are_new) AS w(ord, bucket, device_id, is_new)
    JOIN devices d ON d.bucket = w.bucket AND d.device_id = w.device_id
    LEFT JOIN device_states s ON s.bucket = d.bucket AND s.device_id = d.device_id;
END
$$;
