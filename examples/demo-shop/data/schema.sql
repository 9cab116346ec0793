-- What the demo shop sells and has sold, built anew each day from the CSV files beside this one; nothing is changed in it.
-- What customers have had done is in another file, which stays: see ledger.sql.
-- Money is decimal text in euros; days are ISO dates, made from the CSV files' days before or after today.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE customers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, town TEXT NOT NULL, country TEXT NOT NULL
) STRICT;
CREATE TABLE products (
  slug TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, kind_de TEXT NOT NULL,
  price TEXT NOT NULL, was TEXT NOT NULL, weight_g INTEGER NOT NULL, stock INTEGER NOT NULL,
  words TEXT NOT NULL, blurb TEXT NOT NULL, returnable INTEGER NOT NULL
) STRICT;
CREATE TABLE sizes (
  product TEXT NOT NULL REFERENCES products (slug), size TEXT NOT NULL, stock INTEGER NOT NULL,
  PRIMARY KEY (product, size)
) STRICT;
CREATE TABLE orders (
  number TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers (id), placed_on TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('received', 'packing', 'sent', 'partly delivered', 'delivered', 'cancelled', 'returned')),
  shipping TEXT NOT NULL
) STRICT;
CREATE INDEX orders_of_customer ON orders (customer, placed_on);
CREATE TABLE lines (
  order_number TEXT NOT NULL REFERENCES orders (number), product TEXT NOT NULL REFERENCES products (slug),
  size TEXT NOT NULL, quantity INTEGER NOT NULL CHECK (quantity > 0), unit_price TEXT NOT NULL, box INTEGER NOT NULL,
  PRIMARY KEY (order_number, product, size)
) STRICT;
CREATE TABLE parcels (
  tracking TEXT PRIMARY KEY, order_number TEXT NOT NULL REFERENCES orders (number), carrier TEXT NOT NULL,
  sent_on TEXT NOT NULL, expected_on TEXT NOT NULL, delivered_on TEXT NOT NULL, last_scan TEXT NOT NULL,
  box INTEGER NOT NULL, UNIQUE (order_number, box)
) STRICT;
CREATE TABLE charges (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers (id),
  order_number TEXT NOT NULL REFERENCES orders (number), amount TEXT NOT NULL, method TEXT NOT NULL,
  charged_on TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE subscriptions (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers (id), name TEXT NOT NULL, name_de TEXT NOT NULL,
  every_days INTEGER NOT NULL CHECK (every_days > 0), next_on TEXT NOT NULL, price TEXT NOT NULL
) STRICT;
CREATE TABLE gift_cards (code TEXT PRIMARY KEY, balance TEXT NOT NULL, bought_on TEXT NOT NULL) STRICT;
CREATE TABLE members (
  customer TEXT PRIMARY KEY REFERENCES customers (id), points INTEGER NOT NULL, expires_on TEXT NOT NULL
) STRICT;
-- weekdays: 1 is Monday. The months are those in which it can be booked, both included.
CREATE TABLE services (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, name_de TEXT NOT NULL, minutes INTEGER NOT NULL, price TEXT NOT NULL,
  weekdays TEXT NOT NULL, opens TEXT NOT NULL, closes TEXT NOT NULL, saturday_closes TEXT NOT NULL,
  first_month INTEGER NOT NULL, last_month INTEGER NOT NULL
) STRICT;
