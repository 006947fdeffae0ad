-- The two statements of the main path, each one round trip inside one transaction.
--
-- lock_and_load: locks the customers of a flush, then reads what deciding needs. It must be VOLATILE
-- and the reading must be a statement of its own: under READ COMMITTED a statement that waited for
-- a lock still reads other tables from the snapshot it began with.

CREATE FUNCTION lock_and_load(
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
    flags        smallint,  -- in row 0: 1 when time runs by itself; else 1 locked, 2 active device, 4 first use of a rotated token, 8 may be followed, 16 pending device, 32 a consent may have lapsed
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
    v_followed  uuid[] := '{}';
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
               coalesce(array_agg(l.customer_id) FILTER (WHERE l.may_be_followed), '{}'),
               array_agg(l.grants_as_of)
        INTO v_locked, v_followed, v_as_of FROM (
            SELECT c.customer_id, 'location_offers' = ANY (c.grants) AS may_be_followed, c.grants_as_of
            FROM (SELECT DISTINCT * FROM unnest(v_buckets, v_customers)) AS w(bucket, customer_id)
            JOIN customers c ON c.bucket = w.bucket AND c.customer_id = w.customer_id
            ORDER BY c.bucket, c.customer_id
            FOR NO KEY UPDATE OF c
        ) l;
    ELSE
        SELECT coalesce(array_agg(l.customer_id), '{}'),
               coalesce(array_agg(l.customer_id) FILTER (WHERE l.may_be_followed), '{}'),
               array_agg(l.grants_as_of)
        INTO v_locked, v_followed, v_as_of FROM (
            SELECT c.customer_id, 'location_offers' = ANY (c.grants) AS may_be_followed, c.grants_as_of
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
            + 32 * (d.customer_id IN (SELECT unnest(v_overdue)))::integer)::smallint,
           s.state::text, NULL, NULL, NULL
    FROM unnest(v_ords, v_buckets, v_devices, v_are_new) AS w(ord, bucket, device_id, is_new)
    JOIN devices d ON d.bucket = w.bucket AND d.device_id = w.device_id
    LEFT JOIN device_states s ON s.bucket = d.bucket AND s.device_id = d.device_id;
END
$$;

-- write_flush: everything a flush changes. The rare parts come as JSON arrays or NULL.
CREATE FUNCTION write_flush(
    p_now            timestamptz,
    p_buckets        smallint[],
    p_devices        uuid[],
    p_states         text[],
    p_crossings      json,
    p_deliveries     json,
    p_timers_set     json,
    p_timers_cleared json,
    p_holds          json,
    p_holds_ended    json,
    p_holdouts       json,
    p_counts         json
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_leases integer;
BEGIN
    UPDATE device_states s SET state = w.state::json
    FROM unnest(p_buckets, p_devices, p_states) AS w(bucket, device_id, state)
    WHERE s.bucket = w.bucket AND s.device_id = w.device_id;

    IF p_crossings IS NOT NULL THEN
        INSERT INTO crossings (bucket, customer_id, crossing_id, device_id, fence_id, site_id, retailer_id,
                               kind, confidence, occurred_at, recorded_at)
        SELECT bucket, customer_id, crossing_id, device_id, fence_id, site_id, retailer_id,
               kind, confidence, occurred_at, p_now
        FROM json_to_recordset(p_crossings) AS c(
            bucket smallint, customer_id uuid, crossing_id uuid, device_id uuid, fence_id bigint,
            site_id bigint, retailer_id bigint, kind text, confidence real, occurred_at timestamptz)
        -- Found again, to the moment, by a phone that was made to forget where it is.
        ON CONFLICT DO NOTHING;
    END IF;

    IF p_deliveries IS NOT NULL THEN
        -- Whoever decided on a configuration from before the offer had a limit has to look again.
        IF EXISTS (
            SELECT FROM json_to_recordset(p_deliveries) AS d(offer_id bigint, lease_id uuid)
            JOIN offer_budgets b ON b.offer_id = d.offer_id
            WHERE d.lease_id IS NULL AND coalesce(b.deliveries_total, b.per_day, b.per_week) IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'a limited offer was delivered without a lease'
                USING ERRCODE = 'serialization_failure';
        END IF;

        -- Nor may a lease be used that has ended, whatever the worker's clock says, or one of a day that is
        -- over. Whoever ends leases skips those that are held here.
        PERFORM FROM budget_leases l
        WHERE l.lease_id IN (SELECT lease_id FROM json_to_recordset(p_deliveries) AS d(lease_id uuid))
          AND l.expires_at > clock_timestamp() AND (l.good_until IS NULL OR l.good_until > p_now)
        ORDER BY l.lease_id FOR KEY SHARE;
        GET DIAGNOSTICS v_leases = ROW_COUNT;
        IF v_leases < (SELECT count(DISTINCT lease_id) FROM json_to_recordset(p_deliveries) AS d(lease_id uuid)) THEN
            RAISE EXCEPTION 'a delivery carries a lease that has ended'
                USING ERRCODE = 'serialization_failure';
        END IF;

        INSERT INTO deliveries (bucket, customer_id, delivery_id, seq, device_id, offer_id, retailer_id,
                                site_id, fence_id, crossing_id, trigger, channel, tags,
                                counts_toward_caps, content, code, trace, lease_id, decided_at,
                                expires_at, handed_at)
        SELECT bucket, customer_id, delivery_id, seq, device_id, offer_id, retailer_id, site_id, fence_id,
               crossing_id, trigger, channel,
               coalesce((SELECT array_agg(t) FROM json_array_elements_text(tags) t), '{}'),
               counts_toward_caps, content, code, trace, lease_id, p_now, expires_at, handed_at
        FROM json_to_recordset(p_deliveries) AS d(
            bucket smallint, customer_id uuid, delivery_id uuid, seq bigint, device_id uuid,
            offer_id bigint, retailer_id bigint, site_id bigint, fence_id bigint, crossing_id uuid,
            trigger text, channel text, tags json, counts_toward_caps boolean, content json, code text,
            trace json, lease_id uuid, expires_at timestamptz, handed_at timestamptz);

        UPDATE customers c SET last_seq = d.seq
        FROM (SELECT bucket, customer_id, max(seq) AS seq
              FROM json_to_recordset(p_deliveries) AS d(bucket smallint, customer_id uuid, seq bigint)
              GROUP BY bucket, customer_id) d
        WHERE c.bucket = d.bucket AND c.customer_id = d.customer_id;
    END IF;

    IF p_timers_cleared IS NOT NULL THEN
        DELETE FROM timers t
        USING json_to_recordset(p_timers_cleared) AS c(
            bucket smallint, customer_id uuid, device_id uuid, kind text, fence_id bigint)
        WHERE t.bucket = c.bucket AND t.customer_id = c.customer_id AND t.device_id = c.device_id
          AND t.kind = c.kind AND t.fence_id = c.fence_id;
    END IF;

    IF p_timers_set IS NOT NULL THEN
        INSERT INTO timers (bucket, customer_id, device_id, kind, fence_id, due_at)
        SELECT bucket, customer_id, device_id, kind, fence_id, due_at
        FROM json_to_recordset(p_timers_set) AS t(
            bucket smallint, customer_id uuid, device_id uuid, kind text, fence_id bigint,
            due_at timestamptz)
        ON CONFLICT (bucket, customer_id, device_id, kind, fence_id) DO UPDATE SET due_at = excluded.due_at;
    END IF;

    IF p_holds_ended IS NOT NULL THEN
        DELETE FROM held_offers h
        USING json_to_recordset(p_holds_ended) AS e(bucket smallint, customer_id uuid, offer_id bigint)
        WHERE h.bucket = e.bucket AND h.customer_id = e.customer_id AND h.offer_id = e.offer_id;
    END IF;

    IF p_holds IS NOT NULL THEN
        INSERT INTO held_offers (bucket, customer_id, offer_id, device_id, fence_id, crossing_id, trigger,
                                 crossed_at, held_at, due_at)
        SELECT bucket, customer_id, offer_id, device_id, fence_id, crossing_id, trigger, crossed_at, p_now, due_at
        FROM json_to_recordset(p_holds) AS h(
            bucket smallint, customer_id uuid, offer_id bigint, device_id uuid, fence_id bigint,
            crossing_id uuid, trigger text, crossed_at timestamptz, due_at timestamptz)
        ON CONFLICT (bucket, customer_id, offer_id) DO UPDATE SET due_at = excluded.due_at;
    END IF;

    IF p_holdouts IS NOT NULL THEN
        INSERT INTO holdouts (bucket, customer_id, offer_id, retailer_id, site_id, fence_id, crossing_id,
                              drawn_for, trace, decided_at)
        SELECT bucket, customer_id, offer_id, retailer_id, site_id, fence_id, crossing_id, drawn_for, trace, p_now
        FROM json_to_recordset(p_holdouts) AS h(
            bucket smallint, customer_id uuid, offer_id bigint, retailer_id bigint, site_id bigint,
            fence_id bigint, crossing_id uuid, drawn_for text, trace json)
        -- The first time counts; the same people are drawn every time.
        ON CONFLICT DO NOTHING;
    END IF;

    IF p_counts IS NOT NULL THEN
        INSERT INTO decision_counts (bucket, count_id, hour, offer_id, fence_id, moment, outcome, n)
        SELECT bucket, count_id, date_trunc('hour', p_now), offer_id, fence_id, moment, outcome, n
        FROM json_to_recordset(p_counts) AS c(
            bucket smallint, count_id uuid, offer_id bigint, fence_id bigint, moment text, outcome text, n integer);
    END IF;
END
$$;
