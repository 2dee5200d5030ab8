-- The statements that a server of 0.1.0 sent to PostgreSQL for `POST /sync` with one new entry, in the same
-- order and the same pipelines, kept so that releases can be compared: the session, the write in two round trips, and the delta after it.
-- Each client is one user. The later work of the workers is not included.
\if :n = 0
SELECT user_id::text AS u, session::text AS s, habit::text AS h, head_seq AS n
FROM bench_clients WHERE number = :client_id \gset
\endif
\set before :n
\set n :n + 1
SELECT 1 FROM sessions WHERE user_id = :u::uuid AND id = :s::uuid AND expires_at > 0;

\startpipeline
BEGIN;
SELECT head_seq, last_change_at, digest, floor_seq, floor_at, timezone, week_start, day_start FROM users WHERE user_id = :u::uuid FOR UPDATE;
SELECT op_id, fingerprint, device_id, outcome, version, seq, rejection FROM receipts WHERE user_id = :u::uuid AND op_id = ANY (ARRAY[('00000000-0000-4001-' || lpad(to_hex(32768 + :client_id::int), 4, '0') || '-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid]);
SELECT id, habit_id, completion_date, completion_is_a_date, timezone, local_date, kind, value, notes, seq, version, created_at, updated_at, deleted_at, field_edits, edited_by FROM entries WHERE user_id = :u::uuid AND id = ANY (ARRAY[('00000000-0000-4000-' || lpad(to_hex(32768 + :client_id::int), 4, '0') || '-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid]);
SELECT id, title, description, color, icon, sort_order, schedule_history, unit, reminder_time, start_date, end_date, archived_at, archived_spans, seq, version, created_at, updated_at, deleted_at, current_streak, longest_streak, CASE WHEN EXISTS (SELECT 1 FROM streak_dirty WHERE streak_dirty.user_id = :u::uuid AND streak_dirty.habit_id = habits.id) THEN NULL ELSE streak_day END, field_edits, edited_by FROM habits WHERE user_id = :u::uuid AND id = ANY (ARRAY (SELECT unnest(ARRAY[:h::uuid]) UNION SELECT habit_id FROM entries WHERE user_id = :u::uuid AND id = ANY (ARRAY[('00000000-0000-4000-' || lpad(to_hex(32768 + :client_id::int), 4, '0') || '-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid]) UNION SELECT habit_id FROM entries WHERE user_id = :u::uuid AND habit_id = ANY ('{}'::uuid[]) AND deleted_at IS NULL));
SELECT entity, id FROM graves WHERE user_id = :u::uuid AND id = ANY (ARRAY[:h::uuid, ('00000000-0000-4000-' || lpad(to_hex(32768 + :client_id::int), 4, '0') || '-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid]);
\endpipeline

\startpipeline
INSERT INTO entries (user_id, id, habit_id, completion_date, completion_is_a_date, timezone, local_date, kind, value, notes, seq, version, created_at, updated_at, deleted_at, field_edits, edited_by) VALUES (:u::uuid, ('00000000-0000-4000-' || lpad(to_hex(32768 + :client_id::int), 4, '0') || '-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid, :h::uuid, 1767441600000000, false, 'Europe/Rome', 18262 + :n::bigint % 2000, 'value', 1000, '', :n::bigint, 1, 1795386429490178, 1795386429490178, NULL, NULL, :s::uuid);
INSERT INTO receipts (user_id, op_id, fingerprint, device_id, outcome, version, seq, rejection, created_at) VALUES (:u::uuid, ('00000000-0000-4001-' || lpad(to_hex(32768 + :client_id::int), 4, '0') || '-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid, '\x87b7fee2901538c96ae5a205ad762ca640e3bcf7c0a8cb6f879a827307ad9695', :s::uuid, 'done', 1, :n::bigint, NULL, 1795386429490178);
INSERT INTO streak_dirty (user_id, habit_id, generation, available_at, lease_until, attempts) SELECT user_id, id, streak_generation + 1, 1795386429490178, NULL, 0 FROM habits WHERE user_id = :u::uuid AND deleted_at IS NULL AND id = :h::uuid ON CONFLICT (user_id, habit_id) DO UPDATE SET generation = streak_dirty.generation + 1, available_at = excluded.available_at, attempts = 0;
UPDATE users SET head_seq = :n::bigint, last_change_at = 1795386429490178, digest = :n::bigint WHERE user_id = :u::uuid;
COMMIT;
\endpipeline

SELECT head_seq, last_change_at, digest, floor_seq, floor_at FROM users WHERE user_id = :u::uuid;
\startpipeline
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT head_seq, last_change_at, digest, floor_seq, floor_at FROM users WHERE user_id = :u::uuid;
SELECT id, title, description, color, icon, sort_order, schedule_history, unit, reminder_time, start_date, end_date, archived_at, archived_spans, seq, version, created_at, updated_at, deleted_at, current_streak, longest_streak, CASE WHEN EXISTS (SELECT 1 FROM streak_dirty WHERE streak_dirty.user_id = :u::uuid AND streak_dirty.habit_id = habits.id) THEN NULL ELSE streak_day END, field_edits, edited_by FROM habits WHERE user_id = :u::uuid AND seq > :before::bigint AND (seq > 0 OR deleted_at IS NULL) ORDER BY seq LIMIT 1000;
SELECT id, habit_id, completion_date, completion_is_a_date, timezone, local_date, kind, value, notes, seq, version, created_at, updated_at, deleted_at, field_edits, edited_by FROM entries WHERE user_id = :u::uuid AND seq > :before::bigint AND (seq > 0 OR deleted_at IS NULL) AND (deleted_at IS NOT NULL OR habit_id NOT IN (SELECT id FROM habits WHERE user_id = :u::uuid AND deleted_at IS NOT NULL)) ORDER BY seq LIMIT 1000;
SELECT timezone, week_start, day_start, settings_seq, settings_at FROM users WHERE user_id = :u::uuid AND settings_seq > 0;
COMMIT;
\endpipeline
