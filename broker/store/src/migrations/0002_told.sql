-- What a PC last told about itself as far as lists show and search it, so that they need not
-- read everybody's facts.
ALTER TABLE device ADD COLUMN agent_version TEXT;
ALTER TABLE device ADD COLUMN signed_in     TEXT;
ALTER TABLE device ADD COLUMN findings      BLOB; -- CBOR of link::Standing
