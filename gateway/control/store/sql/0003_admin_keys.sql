-- Admin keys open the admin interface, never a call to a model. Only a keyed hash is stored.
CREATE TABLE admin_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'admin', 'owner')),
    shown_prefix TEXT NOT NULL,
    shown_suffix TEXT NOT NULL,
    created_at_s INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL DEFAULT 0,
    revoked_at_s INTEGER
);
