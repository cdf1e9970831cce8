-- Schema 1. Forward-only: later versions add files beside this one, never edit it.
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, merged INTEGER REFERENCES owner(id), hold TEXT);
CREATE TABLE shop (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, owner INTEGER NOT NULL REFERENCES owner(id),
    settings TEXT NOT NULL, hold TEXT);
CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, settings TEXT NOT NULL, pace INTEGER NOT NULL,
    hold TEXT, rest_until INTEGER NOT NULL DEFAULT 0, tat INTEGER NOT NULL DEFAULT 0,
    unknown_run INTEGER NOT NULL DEFAULT 0, unsent_run INTEGER NOT NULL DEFAULT 0);
CREATE TABLE notice (hash BLOB PRIMARY KEY, version TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;
-- The only serialisation point: every transaction that begins a send to, or changes consent or stops of, a person
-- writes this row first.
CREATE TABLE recipient (rid BLOB PRIMARY KEY, ver INTEGER NOT NULL, facts BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE consent (rid BLOB NOT NULL, shop INTEGER NOT NULL, grants BLOB NOT NULL, PRIMARY KEY (rid, shop))
    WITHOUT ROWID;
-- Append-only truth. key: eight bytes of SHA-256 over (source, event id).
CREATE TABLE event (rid BLOB NOT NULL, key INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, shop INTEGER,
    claimed INTEGER NOT NULL, recorded INTEGER NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    actor TEXT NOT NULL, body TEXT NOT NULL, sealed BLOB, PRIMARY KEY (rid, key)) WITHOUT ROWID;
-- For the lists that people read; bulk kinds are left out.
CREATE INDEX event_kind ON event (kind, seq) WHERE kind NOT IN ('opt_in', 'import_stop', 'past_send', 'report');
CREATE TABLE campaign (id INTEGER PRIMARY KEY, shop INTEGER NOT NULL REFERENCES shop(id), name TEXT NOT NULL,
    phase INTEGER NOT NULL, spec BLOB NOT NULL, content BLOB NOT NULL, entries INTEGER NOT NULL, rows INTEGER NOT NULL,
    shards INTEGER NOT NULL, spent INTEGER NOT NULL, created INTEGER NOT NULL, last_begun INTEGER NOT NULL DEFAULT 0,
    hold TEXT, UNIQUE (shop, name));
-- One row per person and campaign. A row in state 1 (begun) takes its request's state. Columns that change stand in front.
CREATE TABLE message (campaign INTEGER NOT NULL, rid BLOB NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL,
    request INTEGER, grant_key INTEGER, at_most INTEGER NOT NULL, code TEXT, settled INTEGER, variant INTEGER NOT NULL,
    parts INTEGER NOT NULL, position INTEGER NOT NULL, line INTEGER, sealed BLOB NOT NULL, PRIMARY KEY (campaign, rid))
    WITHOUT ROWID;
CREATE TABLE entry_refused (campaign INTEGER NOT NULL, position INTEGER NOT NULL, line INTEGER, col INTEGER,
    code TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (campaign, position)) WITHOUT ROWID;
CREATE TABLE request (id INTEGER PRIMARY KEY, reference BLOB NOT NULL UNIQUE, campaign INTEGER NOT NULL,
    account INTEGER NOT NULL, worker INTEGER NOT NULL, epoch INTEGER NOT NULL, state INTEGER NOT NULL,
    n INTEGER NOT NULL, begun INTEGER NOT NULL, deadline INTEGER NOT NULL, first_byte INTEGER, settled INTEGER,
    code TEXT, provider_id TEXT, price INTEGER NOT NULL, variant INTEGER NOT NULL, rendition BLOB NOT NULL,
    policy BLOB NOT NULL, asked INTEGER NOT NULL DEFAULT 0, ask_at INTEGER, report_due INTEGER,
    -- The people of a request in doubt, 16 bytes each, in the order of the call.
    rids BLOB);
CREATE INDEX request_provider_id ON request (account, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX request_open ON request (worker) WHERE state = 0;
CREATE INDEX request_unknown ON request (campaign, ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX request_report_due ON request (report_due) WHERE state = 1;
CREATE TABLE handle (account INTEGER NOT NULL, provider_id TEXT NOT NULL, request INTEGER NOT NULL, rid BLOB NOT NULL,
    PRIMARY KEY (account, provider_id, rid)) WITHOUT ROWID;
-- Reports that came before the answer of their request.
CREATE TABLE inbound (source TEXT NOT NULL, event_id TEXT NOT NULL, account INTEGER, provider_id TEXT, reference BLOB,
    rid BLOB NOT NULL, code TEXT NOT NULL, delivered INTEGER, at INTEGER NOT NULL, PRIMARY KEY (source, event_id))
    WITHOUT ROWID;
CREATE INDEX inbound_provider_id ON inbound (account, provider_id);
CREATE TABLE worker (id INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, boot TEXT NOT NULL,
    started INTEGER NOT NULL);
CREATE TABLE lease (campaign INTEGER NOT NULL, shard INTEGER NOT NULL, epoch INTEGER NOT NULL, worker INTEGER NOT NULL,
    expires INTEGER NOT NULL, PRIMARY KEY (campaign, shard)) WITHOUT ROWID;
