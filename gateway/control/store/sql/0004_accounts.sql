-- People who log in to the console. The password is an Argon2id hash with its salt and costs.
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_at_s INTEGER NOT NULL,
    seen_at_s INTEGER
);

-- Where they are logged in. Only a keyed hash of the cookie is stored.
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    created_at_s INTEGER NOT NULL,
    seen_at_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (account_id);

-- Who changed what. `who` is an account, an admin key or `socket`; `did` the operation, `about` what it was done to.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s INTEGER NOT NULL,
    who TEXT NOT NULL,
    who_name TEXT NOT NULL,
    did TEXT NOT NULL,
    about TEXT NOT NULL
);
