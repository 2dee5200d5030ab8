-- Address of a server to which the user lets this replica speak in clear text.
ALTER TABLE replica ADD COLUMN clear_text_server TEXT;
-- A replica that does so already goes on: its syncs may run where no user can be asked.
UPDATE replica SET clear_text_server = server_url WHERE server_url LIKE 'http://%';
