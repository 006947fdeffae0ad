-- Places whose mere visit tells what nobody may ask (GDPR Art. 9): no fence is drawn around them.
--
-- Judged by the site's kind and its OpenStreetMap tags (https://wiki.openstreetmap.org/wiki/Map_features):
-- worship, health (a pharmacy is that too: CJEU C-21/23, 4 October 2024), trade unions, political parties,
-- sex life. Refuges and care homes count as health: the FTC's orders on location data (X-Mode, InMarket,
-- 2024) name them besides. What no tag says is not known here.
CREATE FUNCTION sensitive_because(kind text, tags jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN says.one && ARRAY['place_of_worship', 'monastery', 'church', 'chapel', 'cathedral', 'mosque',
                               'synagogue', 'temple', 'shrine', 'kingdom_hall', 'religion', 'religious']
             OR tags ? 'religion' THEN 'worship'
        WHEN says.one && ARRAY['hospital', 'clinic', 'doctors', 'doctor', 'dentist', 'pharmacy', 'nursing_home',
                               'social_facility', 'hospice', 'medical_supply', 'hearing_aids', 'psychotherapist',
                               'laboratory', 'blood_donation']
             OR coalesce(tags ->> 'healthcare', 'no') <> 'no' OR tags ? 'social_facility' THEN 'health'
        WHEN says.one && ARRAY['union', 'trade_union'] THEN 'union'
        WHEN says.one && ARRAY['political_party'] THEN 'party'
        WHEN says.one && ARRAY['erotic', 'brothel', 'love_hotel', 'stripclub', 'swingerclub']
             OR tags ->> 'lgbtq' IN ('primary', 'only') THEN 'sex_life'
    END
    FROM (SELECT string_to_array(lower(replace(concat_ws(';', kind, tags ->> 'amenity', tags ->> 'building',
                     tags ->> 'office', tags ->> 'shop', tags ->> 'landuse', tags ->> 'category'), ' ', '')), ';')
          AS one) AS says
$$;

-- Of every site there is and will be, whoever writes it.
ALTER TABLE sites ADD COLUMN sensitive text GENERATED ALWAYS AS (sensitive_because(kind, tags)) STORED;
CREATE INDEX sites_sensitive ON sites USING gist (location) WHERE sensitive IS NOT NULL;
