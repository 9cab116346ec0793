-- The log of one data directory: conversations, their events, what was booked.
-- Must not be edited once released: a change is a new file with the next number.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The tail of each conversation. `summary` is the JSON of server.ports.Summary; the columns beside it are what is searched.
CREATE TABLE conversations (
  n          INTEGER PRIMARY KEY,
  key        TEXT NOT NULL UNIQUE,
  head       INTEGER NOT NULL,
  fence      INTEGER NOT NULL,
  last_ms    INTEGER NOT NULL,
  site       TEXT NOT NULL,
  customer   TEXT,
  mode       TEXT NOT NULL,
  unfinished INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  summary    TEXT NOT NULL
);
CREATE INDEX conversations_by_site ON conversations (site, updated_ms);
CREATE INDEX conversations_by_customer ON conversations (customer, site) WHERE customer IS NOT NULL;
CREATE INDEX conversations_unfinished ON conversations (updated_ms) WHERE unfinished = 1;

-- commitment = SHA-256(salt + canonical JSON of kind, role, body); erasing empties salt and body, not the commitment.
CREATE TABLE events (
  conversation INTEGER NOT NULL REFERENCES conversations (n),
  seq          INTEGER NOT NULL,
  at_ms        INTEGER NOT NULL,
  id           TEXT NOT NULL,
  kind         TEXT NOT NULL,
  role         TEXT NOT NULL,
  turn         TEXT,
  body         TEXT NOT NULL,
  salt         BLOB NOT NULL,
  commitment   BLOB NOT NULL,
  UNIQUE (conversation, seq),
  UNIQUE (conversation, id)
);

-- Sums per key; a key names its own window of time, and goes three days after it was last booked.
CREATE TABLE spend (key TEXT PRIMARY KEY, total INTEGER NOT NULL, booked_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX spend_by_time ON spend (booked_ms);
