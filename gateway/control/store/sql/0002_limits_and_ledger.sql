-- Workspaces: who pays how, and the plan that new keys get. Identifiers are base62; hexadecimal digits are a subset of that.
ALTER TABLE workspaces ADD COLUMN public_id TEXT NOT NULL DEFAULT '';
ALTER TABLE workspaces ADD COLUMN billing TEXT NOT NULL DEFAULT 'open' CHECK (billing IN ('open', 'prepaid'));
ALTER TABLE workspaces ADD COLUMN plan TEXT;
ALTER TABLE workspaces ADD COLUMN archived_at_s INTEGER;
UPDATE workspaces SET public_id = 'wrkspc_' || hex(randomblob(11));
CREATE UNIQUE INDEX workspaces_by_public_id ON workspaces (public_id);

CREATE TABLE members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    added_at_s INTEGER NOT NULL,
    UNIQUE (workspace_id, email)
);

-- A workspace on a plan, once however many keys it has there: the keys share the limits of the instance.
CREATE TABLE plan_instances (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    plan TEXT NOT NULL,
    created_at_s INTEGER NOT NULL,
    UNIQUE (workspace_id, plan)
);

-- Journal records name limits by id, so an id is never used again. `owner_id` is a workspace, a plan instance or the first key of a
-- line of rotated keys. `class` is a model class or a pattern of model names; amounts of cost are nanodollars, of messages thousandths.
CREATE TABLE limits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    scope TEXT NOT NULL CHECK (scope IN ('workspace', 'plan', 'key')),
    owner_id INTEGER NOT NULL,
    metric TEXT NOT NULL,
    class TEXT NOT NULL,
    window TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    source TEXT NOT NULL CHECK (source IN ('own', 'plan', 'tier', 'credits')),
    created_at_s INTEGER NOT NULL,
    removed_at_s INTEGER
);
CREATE UNIQUE INDEX limits_in_force ON limits (scope, owner_id, source, metric, class, window) WHERE removed_at_s IS NULL;

-- What the books say was used of a limit in a window: the sum of the charges of all entered requests. Kept up by the drain.
CREATE TABLE limit_used (
    limit_id INTEGER NOT NULL,
    window_start_s INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (limit_id, window_start_s)
) WITHOUT ROWID;

-- Keys: limits and plan have tables of their own. `limits_key_id` is the first key of a line of rotated keys, whose limits all of
-- the line share; an old key of the line works until `rotated_until_s`.
INSERT INTO plan_instances (workspace_id, plan, created_at_s)
SELECT DISTINCT workspace_id, plan, unixepoch() FROM keys WHERE plan IS NOT NULL;
ALTER TABLE keys ADD COLUMN plan_instance_id INTEGER REFERENCES plan_instances (id);
UPDATE keys SET plan_instance_id =
    (SELECT plan_instances.id FROM plan_instances
     WHERE plan_instances.workspace_id = keys.workspace_id AND plan_instances.plan = keys.plan);
ALTER TABLE keys ADD COLUMN limits_key_id INTEGER;
UPDATE keys SET limits_key_id = id;
ALTER TABLE keys ADD COLUMN replaces_key_id INTEGER REFERENCES keys (id);
ALTER TABLE keys ADD COLUMN rotated_until_s INTEGER;
CREATE INDEX keys_by_workspace ON keys (workspace_id);
CREATE INDEX keys_by_plan ON keys (plan_instance_id) WHERE plan_instance_id IS NOT NULL;
CREATE INDEX keys_by_line ON keys (limits_key_id);

INSERT INTO limits (workspace_id, scope, owner_id, metric, class, window, amount, source, created_at_s)
SELECT workspace_id, 'key', id, 'requests', 'all', 'minute', rpm, 'own', created_at_s FROM keys WHERE rpm IS NOT NULL
UNION ALL
SELECT workspace_id, 'key', id, 'input_tokens', 'all', 'minute', itpm, 'own', created_at_s FROM keys WHERE itpm IS NOT NULL
UNION ALL
SELECT workspace_id, 'key', id, 'output_tokens', 'all', 'minute', otpm, 'own', created_at_s FROM keys WHERE otpm IS NOT NULL
UNION ALL
SELECT workspace_id, 'key', id, 'total_tokens', 'all', 'total', budget_tokens, 'own', created_at_s
FROM keys WHERE budget_tokens IS NOT NULL
UNION ALL
SELECT workspace_id, 'key', id, 'cost', 'all', 'total', budget_nanodollars, 'own', created_at_s
FROM keys WHERE budget_nanodollars IS NOT NULL
UNION ALL
SELECT workspace_id, 'key', id, 'concurrency', 'all', 'total', concurrency, 'own', created_at_s
FROM keys WHERE concurrency IS NOT NULL;
ALTER TABLE keys DROP COLUMN plan;
ALTER TABLE keys DROP COLUMN rpm;
ALTER TABLE keys DROP COLUMN itpm;
ALTER TABLE keys DROP COLUMN otpm;
ALTER TABLE keys DROP COLUMN budget_tokens;
ALTER TABLE keys DROP COLUMN budget_nanodollars;
ALTER TABLE keys DROP COLUMN concurrency;

-- Credits bought at one time. amount = remaining + refunded + expired + what was used.
CREATE TABLE lots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    remaining INTEGER NOT NULL CHECK (remaining >= 0),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    expired INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
    bought_at_s INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL,
    ended_at_s INTEGER,
    memo TEXT NOT NULL,
    CHECK (remaining + refunded + expired <= amount)
);
CREATE INDEX lots_to_draw ON lots (workspace_id, bought_at_s, id) WHERE remaining > 0;
CREATE INDEX lots_by_workspace ON lots (workspace_id, id);

-- The ledger: entries say what an account gained (or lost), those of one posting sum up to zero, and nothing is ever changed.
-- `balance` is the sum of an account's entries, kept beside them so that nobody has to add up millions.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    balance INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE postings (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('usage', 'purchase', 'refund', 'expiry')),
    at_ns INTEGER NOT NULL,
    workspace_id INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    memo TEXT NOT NULL,
    requests_digest BLOB NOT NULL,
    seal BLOB NOT NULL
);
CREATE INDEX postings_by_workspace ON postings (workspace_id, id);
CREATE TABLE entries (
    posting_id INTEGER NOT NULL REFERENCES postings (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    amount INTEGER NOT NULL,
    check_sum INTEGER NOT NULL,
    PRIMARY KEY (posting_id, account_id)
) WITHOUT ROWID;
CREATE TRIGGER postings_stand BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END;
CREATE TRIGGER postings_stay BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'postings are never deleted'); END;
CREATE TRIGGER entries_stand BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;

-- Requests: whose they are, what was held for them, what they were counted against (packed), and their place in the ledger.
-- Rows from before the ledger have no posting; the last of them is noted so that no later row can pass for one.
ALTER TABLE requests ADD COLUMN workspace_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN held_nanodollars INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN held_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN charges BLOB;
ALTER TABLE requests ADD COLUMN check_sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN posting_id INTEGER;
UPDATE requests SET workspace_id = coalesce((SELECT keys.workspace_id FROM keys WHERE keys.id = key_id), 0);
INSERT INTO meta SELECT 'requests_before_ledger', coalesce(max(rowid), 0) FROM requests;

-- What an administrative call with an idempotency key has done, so that its repetition does nothing again.
CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    answer BLOB NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
