CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS user (
  username TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, email TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS space (
  key TEXT PRIMARY KEY, id INTEGER NOT NULL, name TEXT NOT NULL, homepage_id TEXT, description TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS page (
  id INTEGER PRIMARY KEY, space_key TEXT NOT NULL REFERENCES space (key), parent_id INTEGER REFERENCES page (id),
  status TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL,
  title TEXT NOT NULL, lower_title TEXT NOT NULL, created_at TEXT NOT NULL, created_by TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS page_title ON page (space_key, lower_title);
CREATE INDEX IF NOT EXISTS page_parent ON page (parent_id);
-- Titles are unique in a space, whatever the parent; archived pages keep theirs, trashed pages do not.
CREATE UNIQUE INDEX IF NOT EXISTS page_unique_title ON page (space_key, lower_title) WHERE status != 'trashed';
CREATE TABLE IF NOT EXISTS page_version (
  page_id INTEGER NOT NULL REFERENCES page (id) ON DELETE CASCADE, number INTEGER NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, message TEXT NOT NULL, minor INTEGER NOT NULL, author TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (page_id, number)
);
CREATE TABLE IF NOT EXISTS attachment (
  id INTEGER PRIMARY KEY, page_id INTEGER NOT NULL REFERENCES page (id) ON DELETE CASCADE,
  filename TEXT NOT NULL, version INTEGER NOT NULL, UNIQUE (page_id, filename)
);
CREATE TABLE IF NOT EXISTS attachment_version (
  attachment_id INTEGER NOT NULL REFERENCES attachment (id) ON DELETE CASCADE, number INTEGER NOT NULL,
  media_type TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, comment TEXT NOT NULL,
  minor INTEGER NOT NULL, author TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (attachment_id, number)
);
CREATE TABLE IF NOT EXISTS label (
  id INTEGER PRIMARY KEY, page_id INTEGER NOT NULL REFERENCES page (id) ON DELETE CASCADE,
  prefix TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (page_id, prefix, name)
);
CREATE TABLE IF NOT EXISTS property (
  id INTEGER NOT NULL, page_id INTEGER NOT NULL REFERENCES page (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
  version INTEGER NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY (page_id, key)
);
CREATE TABLE IF NOT EXISTS restriction (
  page_id INTEGER NOT NULL REFERENCES page (id) ON DELETE CASCADE, operation TEXT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, PRIMARY KEY (page_id, operation, kind, name)
);
CREATE TABLE IF NOT EXISTS comment (
  id INTEGER PRIMARY KEY, page_id INTEGER NOT NULL REFERENCES page (id) ON DELETE CASCADE,
  parent_id INTEGER REFERENCES comment (id) ON DELETE CASCADE, location TEXT NOT NULL, body TEXT NOT NULL,
  author TEXT NOT NULL, at TEXT NOT NULL, marker_ref TEXT, selection TEXT, resolved INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS template (
  id INTEGER PRIMARY KEY, space_key TEXT REFERENCES space (key), name TEXT NOT NULL, description TEXT NOT NULL,
  body TEXT NOT NULL, labels TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS channel (name TEXT PRIMARY KEY, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS message (
  ts TEXT PRIMARY KEY, channel TEXT NOT NULL REFERENCES channel (name), username TEXT NOT NULL, text TEXT NOT NULL,
  payload TEXT NOT NULL, source TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS project (key TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS issue (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL, project TEXT NOT NULL REFERENCES project (key), type TEXT NOT NULL,
  summary TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, priority TEXT NOT NULL, assignee TEXT,
  reporter TEXT NOT NULL, labels TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, resolved TEXT, due TEXT,
  UNIQUE (project, number)
);
CREATE TABLE IF NOT EXISTS member (
  lower_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role_group_id TEXT NOT NULL,
  center_ids TEXT NOT NULL, custom_type TEXT NOT NULL, metadata TEXT NOT NULL, enabled INTEGER NOT NULL,
  created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS member_change (
  id INTEGER PRIMARY KEY, lower_id TEXT NOT NULL, user_id TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL,
  action TEXT NOT NULL, fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS member_change_of ON member_change (lower_id);
