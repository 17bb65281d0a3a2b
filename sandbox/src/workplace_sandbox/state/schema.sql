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
  title TEXT NOT NULL, lower_title TEXT NOT NULL, created_at TEXT NOT NULL, created_by TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT 'page'
);
CREATE INDEX IF NOT EXISTS page_title ON page (space_key, lower_title);
CREATE INDEX IF NOT EXISTS page_parent ON page (parent_id);
-- Titles of pages, and those of blog posts, are unique in a space, under any parent; archived pages keep theirs, trashed pages do not.
CREATE UNIQUE INDEX IF NOT EXISTS page_unique_title ON page (space_key, kind, lower_title) WHERE status != 'trashed';
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
  -- of a page or of a comment
  id INTEGER NOT NULL, page_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
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
-- Only the cloud has folders. A page is in one only while it has no parent page.
CREATE TABLE IF NOT EXISTS folder (
  id INTEGER PRIMARY KEY, space_key TEXT NOT NULL REFERENCES space (key), title TEXT NOT NULL, lower_title TEXT NOT NULL,
  parent_id INTEGER REFERENCES page (id) ON DELETE SET NULL, folder_id INTEGER REFERENCES folder (id) ON DELETE CASCADE,
  position INTEGER NOT NULL, created_at TEXT NOT NULL, created_by TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS page_folder (
  page_id INTEGER PRIMARY KEY REFERENCES page (id) ON DELETE CASCADE,
  folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS comment_page ON comment (page_id);
-- The number of changes of a comment; older texts are not kept.
CREATE TABLE IF NOT EXISTS comment_edit (
  comment_id INTEGER NOT NULL REFERENCES comment (id) ON DELETE CASCADE, number INTEGER NOT NULL, author TEXT NOT NULL,
  at TEXT NOT NULL, PRIMARY KEY (comment_id, number)
);
CREATE TABLE IF NOT EXISTS template (
  id INTEGER PRIMARY KEY, space_key TEXT REFERENCES space (key), name TEXT NOT NULL, description TEXT NOT NULL,
  body TEXT NOT NULL, labels TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS slack_person (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, real_name TEXT NOT NULL,
  display_name TEXT NOT NULL, email TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, tz TEXT NOT NULL,
  deleted INTEGER NOT NULL, forgotten INTEGER NOT NULL, email_confirmed INTEGER NOT NULL, updated INTEGER NOT NULL,
  extra TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS slack_person_name ON slack_person (name);
CREATE INDEX IF NOT EXISTS slack_person_email ON slack_person (lower(email));
CREATE TABLE IF NOT EXISTS slack_user_group (
  id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL, users TEXT NOT NULL,
  disabled INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS slack_channel (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, archived INTEGER NOT NULL,
  created TEXT NOT NULL, creator TEXT NOT NULL, topic TEXT NOT NULL, purpose TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS slack_channel_name ON slack_channel (name) WHERE kind NOT IN ('im', 'mpim');
CREATE TABLE IF NOT EXISTS slack_membership (
  position INTEGER PRIMARY KEY, channel_id TEXT NOT NULL REFERENCES slack_channel (id), user_id TEXT NOT NULL,
  UNIQUE (channel_id, user_id)
);
CREATE TABLE IF NOT EXISTS slack_message (
  channel_id TEXT NOT NULL REFERENCES slack_channel (id), ts TEXT NOT NULL, username TEXT NOT NULL, text TEXT NOT NULL,
  payload TEXT NOT NULL, source TEXT NOT NULL, at TEXT NOT NULL, user_id TEXT, thread_ts TEXT, broadcast INTEGER NOT NULL,
  subtype TEXT, edited_by TEXT, edited_ts TEXT, PRIMARY KEY (channel_id, ts)
);
CREATE INDEX IF NOT EXISTS slack_message_thread ON slack_message (channel_id, thread_ts);
CREATE TABLE IF NOT EXISTS slack_reaction (
  position INTEGER PRIMARY KEY, channel_id TEXT NOT NULL, ts TEXT NOT NULL, name TEXT NOT NULL, user_id TEXT NOT NULL,
  UNIQUE (channel_id, ts, name, user_id)
);
CREATE TABLE IF NOT EXISTS slack_scheduled (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, channel_id TEXT NOT NULL REFERENCES slack_channel (id),
  post_at INTEGER NOT NULL, created INTEGER NOT NULL, text TEXT NOT NULL, payload TEXT NOT NULL, thread_ts TEXT,
  broadcast INTEGER NOT NULL
);
-- Messages that one person sees. No method of the Web API shows them.
CREATE TABLE IF NOT EXISTS slack_ephemeral (
  position INTEGER PRIMARY KEY, channel_id TEXT NOT NULL, ts TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL,
  text TEXT NOT NULL, payload TEXT NOT NULL, thread_ts TEXT, at TEXT NOT NULL, UNIQUE (channel_id, ts)
);
-- An upload is complete when it may be shown. Its shares wait for a number of files.info calls, or for ever.
CREATE TABLE IF NOT EXISTS slack_file (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
  media_type TEXT NOT NULL, size INTEGER NOT NULL, created TEXT NOT NULL, arrived INTEGER NOT NULL, complete INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS slack_waiting_share (
  position INTEGER PRIMARY KEY, files TEXT NOT NULL, channel_id TEXT NOT NULL, thread_ts TEXT, text TEXT NOT NULL,
  user_id TEXT NOT NULL, looks_left INTEGER
);
CREATE TABLE IF NOT EXISTS slack_share (
  position INTEGER PRIMARY KEY, file_id TEXT NOT NULL, channel_id TEXT NOT NULL, ts TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS slack_share_message ON slack_share (channel_id, ts);
CREATE TABLE IF NOT EXISTS project (key TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS issue (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL, project TEXT NOT NULL REFERENCES project (key), type TEXT NOT NULL,
  summary TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, priority TEXT NOT NULL, assignee TEXT,
  reporter TEXT NOT NULL, labels TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, resolved TEXT, due TEXT,
  UNIQUE (project, number)
);
CREATE TABLE IF NOT EXISTS agile_board (id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, project TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sprint (
  id INTEGER PRIMARY KEY, board INTEGER NOT NULL REFERENCES agile_board (id), name TEXT NOT NULL, state TEXT NOT NULL,
  goal TEXT NOT NULL, begun TEXT, due TEXT, completed TEXT
);
CREATE TABLE IF NOT EXISTS sprint_issue (sprint INTEGER NOT NULL, issue INTEGER NOT NULL, PRIMARY KEY (sprint, issue));
CREATE TABLE IF NOT EXISTS member (
  lower_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role_group_id TEXT NOT NULL,
  center_ids TEXT NOT NULL, custom_type TEXT NOT NULL, metadata TEXT NOT NULL, enabled INTEGER NOT NULL,
  created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS member_group (
  id TEXT PRIMARY KEY, lower_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL, external_id TEXT NOT NULL, members TEXT NOT NULL,
  version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS member_change (
  id INTEGER PRIMARY KEY, lower_id TEXT NOT NULL, user_id TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL,
  action TEXT NOT NULL, fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS member_change_of ON member_change (lower_id);
CREATE TABLE IF NOT EXISTS contributor (lower_login TEXT PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contribution (
  lower_login TEXT NOT NULL REFERENCES contributor (lower_login), day TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (lower_login, day)
);
-- Numbers are never used twice, as on real boards: a removed notice leaves a gap.
CREATE TABLE IF NOT EXISTS board_notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT, position INTEGER NOT NULL, title TEXT NOT NULL, author TEXT NOT NULL, body TEXT NOT NULL,
  pinned INTEGER NOT NULL, published TEXT NOT NULL, updated TEXT NOT NULL
);
