-- Rollups: sums over requests in buckets of time, so that no chart reads the request table. A series is what sums are kept for: a
-- key, workspace, model and provider, or fewer of them; what a series does not tell apart is 0 or empty. `cube` says which it
-- tells apart: 0 none, 1 key and workspace, 2 workspace, 3 model and provider, 4 all.
CREATE TABLE rollup_series (
    id INTEGER PRIMARY KEY,
    cube INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    workspace_id INTEGER NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    UNIQUE (cube, key_id, workspace_id, model, provider)
);

-- What a series of cube 4 is added to: itself and one series of each other cube.
CREATE TABLE rollup_parents (
    series_id INTEGER NOT NULL REFERENCES rollup_series (id),
    parent_id INTEGER NOT NULL REFERENCES rollup_series (id),
    PRIMARY KEY (series_id, parent_id)
) WITHOUT ROWID;
CREATE INDEX rollup_parents_by_parent ON rollup_parents (parent_id);

-- What the drain adds, in the transaction of the receipts: only ever appended to, which is the cheapest thing to do for every pass.
-- A job folds these rows into the three tables below and deletes them, in one transaction. Whoever reads adds both.
CREATE TABLE rollup_fresh (
    series_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,  -- minutes since 1970
    succeeded INTEGER NOT NULL, client_gone INTEGER NOT NULL, limited INTEGER NOT NULL,
    client_error INTEGER NOT NULL, server_error INTEGER NOT NULL, broken INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL, cache_saved_nanodollars INTEGER NOT NULL, cache_paid_nanodollars INTEGER NOT NULL,
    stream_us INTEGER NOT NULL, stream_tokens INTEGER NOT NULL,
    ttft_0 INTEGER NOT NULL, ttft_1 INTEGER NOT NULL, ttft_2 INTEGER NOT NULL,
    ttft_3 INTEGER NOT NULL, ttft_4 INTEGER NOT NULL, ttft_5 INTEGER NOT NULL,
    ttft_6 INTEGER NOT NULL, ttft_7 INTEGER NOT NULL, ttft_8 INTEGER NOT NULL,
    ttft_9 INTEGER NOT NULL, ttft_10 INTEGER NOT NULL, ttft_11 INTEGER NOT NULL,
    ttft_12 INTEGER NOT NULL, ttft_13 INTEGER NOT NULL, ttft_14 INTEGER NOT NULL,
    ttft_15 INTEGER NOT NULL, ttft_16 INTEGER NOT NULL, ttft_17 INTEGER NOT NULL,
    ttft_18 INTEGER NOT NULL, ttft_19 INTEGER NOT NULL, ttft_20 INTEGER NOT NULL,
    ttft_21 INTEGER NOT NULL, ttft_22 INTEGER NOT NULL, ttft_23 INTEGER NOT NULL,
    ttft_24 INTEGER NOT NULL, ttft_25 INTEGER NOT NULL, ttft_26 INTEGER NOT NULL,
    ttft_27 INTEGER NOT NULL, ttft_28 INTEGER NOT NULL
);

-- Minutes since 1970, kept for two days.
CREATE TABLE rollup_minutes (
    series_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    succeeded INTEGER NOT NULL, client_gone INTEGER NOT NULL, limited INTEGER NOT NULL,
    client_error INTEGER NOT NULL, server_error INTEGER NOT NULL, broken INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL, cache_saved_nanodollars INTEGER NOT NULL, cache_paid_nanodollars INTEGER NOT NULL,
    stream_us INTEGER NOT NULL, stream_tokens INTEGER NOT NULL,
    ttft_0 INTEGER NOT NULL, ttft_1 INTEGER NOT NULL, ttft_2 INTEGER NOT NULL,
    ttft_3 INTEGER NOT NULL, ttft_4 INTEGER NOT NULL, ttft_5 INTEGER NOT NULL,
    ttft_6 INTEGER NOT NULL, ttft_7 INTEGER NOT NULL, ttft_8 INTEGER NOT NULL,
    ttft_9 INTEGER NOT NULL, ttft_10 INTEGER NOT NULL, ttft_11 INTEGER NOT NULL,
    ttft_12 INTEGER NOT NULL, ttft_13 INTEGER NOT NULL, ttft_14 INTEGER NOT NULL,
    ttft_15 INTEGER NOT NULL, ttft_16 INTEGER NOT NULL, ttft_17 INTEGER NOT NULL,
    ttft_18 INTEGER NOT NULL, ttft_19 INTEGER NOT NULL, ttft_20 INTEGER NOT NULL,
    ttft_21 INTEGER NOT NULL, ttft_22 INTEGER NOT NULL, ttft_23 INTEGER NOT NULL,
    ttft_24 INTEGER NOT NULL, ttft_25 INTEGER NOT NULL, ttft_26 INTEGER NOT NULL,
    ttft_27 INTEGER NOT NULL, ttft_28 INTEGER NOT NULL,
    PRIMARY KEY (series_id, bucket)
) WITHOUT ROWID;

-- Quarters of an hour since 1970, kept for four hundred days.
CREATE TABLE rollup_quarters (
    series_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    succeeded INTEGER NOT NULL, client_gone INTEGER NOT NULL, limited INTEGER NOT NULL,
    client_error INTEGER NOT NULL, server_error INTEGER NOT NULL, broken INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL, cache_saved_nanodollars INTEGER NOT NULL, cache_paid_nanodollars INTEGER NOT NULL,
    stream_us INTEGER NOT NULL, stream_tokens INTEGER NOT NULL,
    ttft_0 INTEGER NOT NULL, ttft_1 INTEGER NOT NULL, ttft_2 INTEGER NOT NULL,
    ttft_3 INTEGER NOT NULL, ttft_4 INTEGER NOT NULL, ttft_5 INTEGER NOT NULL,
    ttft_6 INTEGER NOT NULL, ttft_7 INTEGER NOT NULL, ttft_8 INTEGER NOT NULL,
    ttft_9 INTEGER NOT NULL, ttft_10 INTEGER NOT NULL, ttft_11 INTEGER NOT NULL,
    ttft_12 INTEGER NOT NULL, ttft_13 INTEGER NOT NULL, ttft_14 INTEGER NOT NULL,
    ttft_15 INTEGER NOT NULL, ttft_16 INTEGER NOT NULL, ttft_17 INTEGER NOT NULL,
    ttft_18 INTEGER NOT NULL, ttft_19 INTEGER NOT NULL, ttft_20 INTEGER NOT NULL,
    ttft_21 INTEGER NOT NULL, ttft_22 INTEGER NOT NULL, ttft_23 INTEGER NOT NULL,
    ttft_24 INTEGER NOT NULL, ttft_25 INTEGER NOT NULL, ttft_26 INTEGER NOT NULL,
    ttft_27 INTEGER NOT NULL, ttft_28 INTEGER NOT NULL,
    PRIMARY KEY (series_id, bucket)
) WITHOUT ROWID;

-- Days (UTC) since 1970, kept for four hundred days.
CREATE TABLE rollup_days (
    series_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    succeeded INTEGER NOT NULL, client_gone INTEGER NOT NULL, limited INTEGER NOT NULL,
    client_error INTEGER NOT NULL, server_error INTEGER NOT NULL, broken INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL, cache_saved_nanodollars INTEGER NOT NULL, cache_paid_nanodollars INTEGER NOT NULL,
    stream_us INTEGER NOT NULL, stream_tokens INTEGER NOT NULL,
    ttft_0 INTEGER NOT NULL, ttft_1 INTEGER NOT NULL, ttft_2 INTEGER NOT NULL,
    ttft_3 INTEGER NOT NULL, ttft_4 INTEGER NOT NULL, ttft_5 INTEGER NOT NULL,
    ttft_6 INTEGER NOT NULL, ttft_7 INTEGER NOT NULL, ttft_8 INTEGER NOT NULL,
    ttft_9 INTEGER NOT NULL, ttft_10 INTEGER NOT NULL, ttft_11 INTEGER NOT NULL,
    ttft_12 INTEGER NOT NULL, ttft_13 INTEGER NOT NULL, ttft_14 INTEGER NOT NULL,
    ttft_15 INTEGER NOT NULL, ttft_16 INTEGER NOT NULL, ttft_17 INTEGER NOT NULL,
    ttft_18 INTEGER NOT NULL, ttft_19 INTEGER NOT NULL, ttft_20 INTEGER NOT NULL,
    ttft_21 INTEGER NOT NULL, ttft_22 INTEGER NOT NULL, ttft_23 INTEGER NOT NULL,
    ttft_24 INTEGER NOT NULL, ttft_25 INTEGER NOT NULL, ttft_26 INTEGER NOT NULL,
    ttft_27 INTEGER NOT NULL, ttft_28 INTEGER NOT NULL,
    PRIMARY KEY (series_id, bucket)
) WITHOUT ROWID;

-- Requests up to this row are not in the rollups yet: a job adds them, the latest first.
INSERT INTO meta SELECT 'rollups_unfilled', coalesce(max(rowid), 0) FROM requests;

-- The first minute that is kept by the minute, and the first day that is kept at all; from there on the rollups are complete.
INSERT INTO meta SELECT 'rollups_minutes_from', (unixepoch() - 172800) / 900 * 15;
INSERT INTO meta VALUES ('rollups_days_from', '0');
