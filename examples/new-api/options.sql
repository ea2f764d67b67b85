-- The options of the sender, in new-api's own table. Written for PostgreSQL and SQLite; in MySQL the table's column is `key`,
-- and `ON DUPLICATE KEY UPDATE value = VALUES(value)` stands in place of ON CONFLICT. new-api reads them again within a minute.
INSERT INTO options (key, value) VALUES
    ('webhook_url', 'https://…/api/webhooks/events'),
    ('webhook_secret', '…'),
    ('webhook_credits_per_usd', '100')
ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- To turn it off:
-- UPDATE options SET value = '' WHERE key = 'webhook_url';
