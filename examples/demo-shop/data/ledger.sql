-- What customers have had done: kept for good, in a file of its own, and never built anew.
-- Money is decimal text in euros; days and times are ISO, in the shop's own time.
CREATE TABLE IF NOT EXISTS calls (
  conversation TEXT NOT NULL, call TEXT NOT NULL, customer TEXT NOT NULL, tool TEXT NOT NULL, args TEXT NOT NULL,
  result TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (conversation, call)
) STRICT;
-- charge is empty for a refund of the order itself, and set for one of what was charged beyond its total.
CREATE TABLE IF NOT EXISTS refunds (
  n INTEGER PRIMARY KEY AUTOINCREMENT, order_number TEXT NOT NULL, charge TEXT NOT NULL, amount TEXT NOT NULL,
  reason TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_of_order ON refunds (order_number);
CREATE TABLE IF NOT EXISTS cancellations (order_number TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS addresses (
  order_number TEXT PRIMARY KEY, name TEXT NOT NULL, street TEXT NOT NULL, postcode TEXT NOT NULL, town TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
-- An item goes back once: as a return (size is empty) or for another size.
CREATE TABLE IF NOT EXISTS returns (
  n INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, order_number TEXT NOT NULL, item TEXT NOT NULL,
  product TEXT NOT NULL, size TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL,
  cancelled_at TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_return_of_an_item ON returns (item) WHERE cancelled_at IS NULL;
CREATE TABLE IF NOT EXISTS reports (
  n INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, item TEXT NOT NULL, problem TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS report_photos (report INTEGER PRIMARY KEY, photo TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS replacements (item TEXT PRIMARY KEY, report INTEGER NOT NULL, at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subscriptions (
  id TEXT PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'ended')), next_on TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS left_club (customer TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS appointments (
  n INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, service TEXT NOT NULL, starts TEXT NOT NULL,
  booked_at TEXT NOT NULL, cancelled_at TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_customer_at_a_time ON appointments (service, starts) WHERE cancelled_at IS NULL;
