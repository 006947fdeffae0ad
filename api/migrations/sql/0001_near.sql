-- What phones ask by distance in metres: the nearest sites, and the fences whose edge is nearest.
-- The rules' own indexes are on geometry (inside or not); a distance on the ground needs geography.
CREATE INDEX sites_near ON sites USING gist ((location::geography));
CREATE INDEX fence_edges_near ON fences USING gist ((ST_Boundary(shape)::geography));
