-- Step 1: the spine. Frozen once released; the next change is step 2.
--
-- Portable on purpose: times are microseconds UTC in INTEGER, ids are 16-byte BLOBs, enumerations
-- are small INTEGERs, days are TEXT YYYY-MM-DD, and no date function of the database is used.
-- Keys and token seeds have no column here: they never enter the database.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- Signed documents, byte for byte. kind: 1 root, 2 policy.
CREATE TABLE document (
    kind      INTEGER NOT NULL,
    version   INTEGER NOT NULL CHECK (version > 0),
    sha256    BLOB    NOT NULL,
    bytes     BLOB    NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (kind, version)
) STRICT;

CREATE TABLE token (
    token_id   BLOB    NOT NULL PRIMARY KEY,
    cert       BLOB    NOT NULL,
    uses       INTEGER NOT NULL DEFAULT 0,
    bad_proofs INTEGER NOT NULL DEFAULT 0,
    frozen     INTEGER NOT NULL DEFAULT 0,
    stored_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE device (
    id           BLOB    NOT NULL PRIMARY KEY,
    hostname     TEXT    NOT NULL,
    hostname_key TEXT    NOT NULL, -- lower case, for looking up
    group_id     TEXT    NOT NULL,
    site_id      TEXT,
    spki         BLOB    NOT NULL UNIQUE,
    endorsement  BLOB    NOT NULL,
    token_id     BLOB    NOT NULL REFERENCES token (token_id),
    enrolled_at  INTEGER NOT NULL,
    confirmed    INTEGER NOT NULL DEFAULT 0,
    last_seen    INTEGER,
    facts        BLOB              -- CBOR of the newest facts
) STRICT;
CREATE INDEX device_site ON device (site_id);

CREATE TABLE device_certificate (
    serial    BLOB    NOT NULL PRIMARY KEY,
    device_id BLOB    NOT NULL REFERENCES device (id),
    not_after INTEGER NOT NULL,
    issued_at INTEGER NOT NULL
) STRICT;
CREATE INDEX device_certificate_device ON device_certificate (device_id);

CREATE TABLE session (
    id                  BLOB    NOT NULL PRIMARY KEY,
    device_id           BLOB    NOT NULL REFERENCES device (id),
    technician          TEXT    NOT NULL,
    opened              INTEGER NOT NULL,
    ended               INTEGER,
    bytes_to_agent      INTEGER NOT NULL DEFAULT 0,
    bytes_to_technician INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX session_opened ON session (opened);
CREATE INDEX session_device ON session (device_id, opened);

CREATE TABLE record (
    session_id       BLOB    NOT NULL PRIMARY KEY REFERENCES session (id),
    grant_envelope   BLOB    NOT NULL,
    receipt_envelope BLOB    NOT NULL,
    certificate      BLOB    NOT NULL,
    countersigned    INTEGER NOT NULL,
    stored_at        INTEGER NOT NULL
) STRICT;

-- Sites and legs are kept whole for every revision: an old entry's revision can be looked up.
CREATE TABLE site_revision (
    revision    INTEGER NOT NULL PRIMARY KEY CHECK (revision > 0),
    sha256      BLOB    NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT;

CREATE TABLE site (
    revision     INTEGER NOT NULL REFERENCES site_revision (revision),
    id           TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    municipality TEXT    NOT NULL,
    lat_e6       INTEGER NOT NULL,
    lon_e6       INTEGER NOT NULL,
    road_m       INTEGER NOT NULL,
    drive_s      INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    PRIMARY KEY (revision, id)
) STRICT;

CREATE TABLE leg (
    revision INTEGER NOT NULL REFERENCES site_revision (revision),
    from_id  TEXT    NOT NULL,
    to_id    TEXT    NOT NULL,
    m        INTEGER NOT NULL,
    s        INTEGER NOT NULL,
    source   TEXT    NOT NULL,
    PRIMARY KEY (revision, from_id, to_id)
) STRICT;

CREATE TABLE factor_set (
    id         TEXT NOT NULL PRIMARY KEY,
    valid_from TEXT NOT NULL,
    sha256     BLOB NOT NULL,
    body       TEXT NOT NULL
) STRICT;

CREATE TABLE need (
    id               BLOB    NOT NULL PRIMARY KEY,
    device_pseudonym TEXT,
    site_id          TEXT    NOT NULL,
    opened_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX need_device ON need (device_pseudonym);

-- Outside the ledger, so that ticket numbers can be forgotten without touching it.
-- subject: the PC's pseudonym, or the place when no PC is concerned.
CREATE TABLE ticket_ref (
    subject    TEXT NOT NULL,
    ticket_key TEXT NOT NULL,
    ticket     TEXT NOT NULL,
    need_id    BLOB NOT NULL REFERENCES need (id),
    PRIMARY KEY (subject, ticket_key)
) STRICT;

-- The chain. What an entry says stands in entry_body, so that a body can be erased some day
-- (a decision on retention, its own step) while the chain of the rest still holds.
CREATE TABLE entry (
    seq       INTEGER NOT NULL PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    body_hash BLOB    NOT NULL,
    prev_hash BLOB    NOT NULL UNIQUE,
    hash      BLOB    NOT NULL UNIQUE
) STRICT;

-- kind: 0 avoided, 1 visit, 2 reversal, 3 factor set, 4 site revision.
-- body is the text that is hashed; the other columns repeat from it what is searched for.
CREATE TABLE entry_body (
    seq          INTEGER NOT NULL PRIMARY KEY REFERENCES entry (seq),
    salt         BLOB    NOT NULL,
    body         BLOB    NOT NULL,
    kind         INTEGER NOT NULL,
    service_date TEXT    NOT NULL,
    need_id      BLOB    REFERENCES need (id),
    site_id      TEXT,
    reverses     BLOB    UNIQUE REFERENCES entry (id),
    CHECK ((kind = 2) = (reverses IS NOT NULL)),
    CHECK (kind <> 0 OR (need_id IS NOT NULL AND site_id IS NOT NULL))
) STRICT;
CREATE INDEX entry_body_day ON entry_body (service_date, seq);
CREATE INDEX entry_body_need ON entry_body (need_id);

-- Which avoided visits still stand.
CREATE TABLE avoidance (
    entry_id    BLOB NOT NULL PRIMARY KEY REFERENCES entry (id),
    need_id     BLOB NOT NULL REFERENCES need (id),
    reversed_by BLOB UNIQUE REFERENCES entry (id)
) STRICT;
CREATE UNIQUE INDEX avoidance_active ON avoidance (need_id) WHERE reversed_by IS NULL;

CREATE TRIGGER entry_in_order BEFORE INSERT ON entry
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'ledger entries follow one another without gaps'); END;

CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed; book a reversal'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted; book a reversal'); END;
CREATE TRIGGER entry_body_no_update BEFORE UPDATE ON entry_body
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed; book a reversal'); END;
CREATE TRIGGER entry_body_no_delete BEFORE DELETE ON entry_body
BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted; book a reversal'); END;

CREATE TRIGGER avoidance_only_reversed BEFORE UPDATE ON avoidance
WHEN OLD.reversed_by IS NOT NULL OR NEW.reversed_by IS NULL
    OR NEW.entry_id <> OLD.entry_id OR NEW.need_id <> OLD.need_id
BEGIN SELECT RAISE(ABORT, 'an avoided visit is reversed once and never restored'); END;
CREATE TRIGGER avoidance_no_delete BEFORE DELETE ON avoidance
BEGIN SELECT RAISE(ABORT, 'an avoided visit is reversed, never deleted'); END;

CREATE TRIGGER factor_set_no_update BEFORE UPDATE ON factor_set
BEGIN SELECT RAISE(ABORT, 'factor sets are never changed; import a new one'); END;
CREATE TRIGGER factor_set_no_delete BEFORE DELETE ON factor_set
BEGIN SELECT RAISE(ABORT, 'factor sets are never deleted'); END;
CREATE TRIGGER site_revision_no_update BEFORE UPDATE ON site_revision
BEGIN SELECT RAISE(ABORT, 'site revisions are never changed; import a new one'); END;
CREATE TRIGGER site_revision_no_delete BEFORE DELETE ON site_revision
BEGIN SELECT RAISE(ABORT, 'site revisions are never deleted'); END;
CREATE TRIGGER site_no_update BEFORE UPDATE ON site
BEGIN SELECT RAISE(ABORT, 'sites of a revision are never changed; import a new revision'); END;
CREATE TRIGGER site_no_delete BEFORE DELETE ON site
BEGIN SELECT RAISE(ABORT, 'sites of a revision are never deleted; import a new revision'); END;
CREATE TRIGGER leg_no_update BEFORE UPDATE ON leg
BEGIN SELECT RAISE(ABORT, 'legs of a revision are never changed; import a new revision'); END;
CREATE TRIGGER leg_no_delete BEFORE DELETE ON leg
BEGIN SELECT RAISE(ABORT, 'legs of a revision are never deleted; import a new revision'); END;
