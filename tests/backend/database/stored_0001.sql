-- A database as the first version left it, written by the code of commit 848b899, the last of which 0001 was the only
-- migration. Never written anew: what is in such databases cannot be made by today's code.
--
-- Two projects of the tool in memory that share a champion, and a third that was disconnected. One person accepted a
-- suggestion, one changed one, one changed their mind, one took work back, one skipped; an answer was refused. Rounds
-- were promoted, rejected, rolled back, failed. Then it was stopped: while a round runs, a sweep of project 2 is half way
-- (example 13 is deleted there), and the tool of project 1 has called. Eleven payments were taken for copies of one text.
--
-- Only the rows of `bands`, an index over `placed`, are left out.
CREATE TABLE alembic_version (
 version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
CREATE TABLE leases (
 role VARCHAR(255) NOT NULL, owner VARCHAR(255) NOT NULL, fence INTEGER NOT NULL, until DATETIME NOT NULL, PRIMARY KEY (role));
CREATE TABLE projects (
 id INTEGER NOT NULL, tool VARCHAR(255) NOT NULL, url TEXT NOT NULL, external_id VARCHAR(255) NOT NULL, api_key TEXT NOT NULL, service_url TEXT NOT NULL, reference VARCHAR(255), title TEXT NOT NULL, source TEXT NOT NULL, options JSON NOT NULL, share_with_id INTEGER, pool_id INTEGER, unlearnt JSON NOT NULL, state VARCHAR(255) NOT NULL, step TEXT NOT NULL, problem TEXT, generation_id INTEGER, announced VARCHAR(255), poll_cursor TEXT, polled_at DATETIME, sweep_cursor TEXT, sweep_number INTEGER NOT NULL, sweep_started_at DATETIME, swept_at DATETIME, hinted_at DATETIME, created_at DATETIME NOT NULL, PRIMARY KEY (id), CONSTRAINT one_project_per_place UNIQUE (tool, url, external_id));
CREATE INDEX projects_by_reference ON projects (tool, reference);
CREATE TABLE servers (
 name VARCHAR(255) NOT NULL, serving JSON NOT NULL, problems JSON NOT NULL, memory_mb DOUBLE, models JSON NOT NULL, seen_at DATETIME NOT NULL, PRIMARY KEY (name));
CREATE TABLE backfills (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, generation VARCHAR(255) NOT NULL, state VARCHAR(16) NOT NULL, cursor TEXT, done INTEGER NOT NULL, started_at DATETIME NOT NULL, ended_at DATETIME, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, UNIQUE (generation));
CREATE TABLE decisions (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, question VARCHAR(255), kind VARCHAR(255) NOT NULL, reason TEXT NOT NULL, details JSON NOT NULL, made_at DATETIME NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE);
CREATE INDEX decisions_by_project ON decisions (project_id, id);
CREATE TABLE events (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, question VARCHAR(255) NOT NULL, example_key VARCHAR(255) NOT NULL, work_key VARCHAR(255) NOT NULL, annotator VARCHAR(255) NOT NULL, action VARCHAR(16) NOT NULL, answer JSON NOT NULL, origin VARCHAR(16), version VARCHAR(255), lead_time DOUBLE, made_at DATETIME NOT NULL, recorded_at DATETIME NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE);
CREATE INDEX events_by_example ON events (project_id, question, example_key, id);
CREATE INDEX events_by_project ON events (project_id, question, id);
CREATE TABLE examples (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, "key" VARCHAR(255) NOT NULL, fields JSON NOT NULL, digest VARCHAR(64) NOT NULL, group_key VARCHAR(64) NOT NULL, part VARCHAR(16) NOT NULL, gone BOOLEAN NOT NULL, sweep_number INTEGER NOT NULL, seen_at DATETIME NOT NULL, added_at DATETIME NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, CONSTRAINT one_example_per_key UNIQUE (project_id, "key"));
CREATE INDEX examples_by_arrival ON examples (project_id, added_at);
CREATE TABLE generations (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, name VARCHAR(255) NOT NULL, members JSON NOT NULL, reason TEXT NOT NULL, retired BOOLEAN NOT NULL, created_at DATETIME NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, UNIQUE (name));
CREATE INDEX generations_by_project ON generations (project_id, id);
CREATE TABLE labels (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, question VARCHAR(255) NOT NULL, example_key VARCHAR(255) NOT NULL, work_key VARCHAR(255) NOT NULL, annotator VARCHAR(255) NOT NULL, answer JSON NOT NULL, origin VARCHAR(16), version VARCHAR(255), lead_time DOUBLE, made_at DATETIME NOT NULL, event_id INTEGER NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, CONSTRAINT one_label_per_work_and_question UNIQUE (project_id, work_key, question));
CREATE INDEX labels_by_event ON labels (project_id, question, event_id);
CREATE INDEX labels_by_example ON labels (project_id, example_key);
CREATE TABLE placed (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, "key" VARCHAR(32) NOT NULL, group_key VARCHAR(64) NOT NULL, part VARCHAR(16) NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, CONSTRAINT one_place_per_text UNIQUE (project_id, "key"));
CREATE TABLE questions (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, name VARCHAR(255) NOT NULL, spec JSON NOT NULL, active BOOLEAN NOT NULL, champion_id INTEGER, pinned BOOLEAN NOT NULL, counted_from INTEGER NOT NULL, home_id INTEGER, shared_at DATETIME, PRIMARY KEY (id), FOREIGN KEY(home_id) REFERENCES questions (id) ON DELETE SET NULL, FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, CONSTRAINT one_question_per_name UNIQUE (project_id, name));
CREATE TABLE works (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, "key" VARCHAR(255) NOT NULL, example_key VARCHAR(255) NOT NULL, annotator VARCHAR(255) NOT NULL, updated_at DATETIME NOT NULL, skipped BOOLEAN NOT NULL, gone BOOLEAN NOT NULL, rejected JSON NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, CONSTRAINT one_work_per_key UNIQUE (project_id, "key"));
CREATE INDEX works_by_example ON works (project_id, example_key);
CREATE TABLE shown (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, example_key VARCHAR(255) NOT NULL, version VARCHAR(255) NOT NULL, answers JSON NOT NULL, shown_at DATETIME NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, CONSTRAINT one_showing_per_version UNIQUE (project_id, example_key, version));
CREATE TABLE bands (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, placed_id INTEGER NOT NULL, value VARCHAR(32) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(placed_id) REFERENCES placed (id) ON DELETE CASCADE, FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE);
CREATE INDEX bands_by_value ON bands (project_id, value);
CREATE TABLE checkpoints (
 id INTEGER NOT NULL, question_id INTEGER NOT NULL, version VARCHAR(255) NOT NULL, folder TEXT NOT NULL, parent_id INTEGER, recipe VARCHAR(255) NOT NULL, label_count INTEGER NOT NULL, last_event_id INTEGER NOT NULL, metric VARCHAR(255) NOT NULL, score DOUBLE, low DOUBLE, high DOUBLE, kind VARCHAR(16) NOT NULL, digest VARCHAR(16) NOT NULL, broken TEXT, removed BOOLEAN NOT NULL, created_at DATETIME NOT NULL, PRIMARY KEY (id), FOREIGN KEY(question_id) REFERENCES questions (id) ON DELETE CASCADE, UNIQUE (version));
CREATE TABLE rounds (
 id INTEGER NOT NULL, project_id INTEGER NOT NULL, question_id INTEGER NOT NULL, "trigger" VARCHAR(255) NOT NULL, recipe VARCHAR(255) NOT NULL, state VARCHAR(255) NOT NULL, version VARCHAR(255) NOT NULL, champion_id INTEGER, last_event_id INTEGER NOT NULL, label_count INTEGER NOT NULL, launcher VARCHAR(255) NOT NULL, handle TEXT, progress_token VARCHAR(255), progress DOUBLE NOT NULL, seconds_left DOUBLE, metrics JSON NOT NULL, digest VARCHAR(16) NOT NULL, attempts INTEGER NOT NULL, owner VARCHAR(255), fence INTEGER NOT NULL, reason TEXT, created_at DATETIME NOT NULL, started_at DATETIME, ended_at DATETIME, PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, FOREIGN KEY(question_id) REFERENCES questions (id) ON DELETE CASCADE, UNIQUE (version));
CREATE UNIQUE INDEX one_active_round_per_question ON rounds (question_id) WHERE state IN ('queued', 'running', 'gating');
CREATE INDEX rounds_by_question ON rounds (question_id, id);
INSERT INTO alembic_version VALUES
('0001');
INSERT INTO leases VALUES
('worker','worker/1',1,'2026-11-26 22:11:14.531264');
INSERT INTO projects VALUES
(1,'fake','http://tool-one','1','hunter2','http://us:9090','http://tool-one#1','A project','(Question(name=''topic'', kind=<Kind.CHOICE: ''choice''>, inputs=(''text'',), titles=(), options=(Option(value=''sport'', hint=''''), Option(value=''politics'', hint='''')), prompt='''', minimum=None, maximum=None), Question(name=''places'', kind=<Kind.SPANS: ''spans''>, inputs=(''text'',), titles=(), options=(Option(value=''city'', hint=''''),), prompt='''', minimum=None, maximum=None))','{"backend": 1, "secret": "signs"}',NULL,NULL,'[]','connected','',NULL,4,'lw-1-0004-rwvh4t','16','2026-11-26 22:11:14.450436',NULL,2,NULL,'2026-11-26 22:11:10.104957','2026-11-26 22:11:14.528671','2026-11-26 22:11:08.708300'),
(2,'fake','http://tool-two','2','hunter3','http://us:9090','http://tool-two#2','A project','(Question(name=''theme'', kind=<Kind.CHOICE: ''choice''>, inputs=(''body'',), titles=(), options=(Option(value=''politics'', hint=''''), Option(value=''sport'', hint='''')), prompt='''', minimum=None, maximum=None), Question(name=''stars'', kind=<Kind.RATING: ''rating''>, inputs=(''body'',), titles=(), options=(), prompt='''', minimum=1.0, maximum=5.0))','{"backend": 1, "secret": "signs"}',NULL,1,'[]','connected','',NULL,5,'lw-2-0001-p328gz','16','2026-11-26 22:11:14.479079','4',2,'2026-11-26 22:11:14.352584',NULL,NULL,'2026-11-26 22:11:10.826468'),
(3,'fake','http://tool-three','3','hunter4','http://us:9090','http://tool-three#3','A project','(Question(name=''topic'', kind=<Kind.CHOICE: ''choice''>, inputs=(''text'',), titles=(), options=(Option(value=''sport'', hint=''''), Option(value=''politics'', hint='''')), prompt='''', minimum=None, maximum=None),)','{"backend": 1, "secret": "signs"}',NULL,NULL,'[]','disconnected','',NULL,6,NULL,'1','2026-11-26 22:11:12.192940',NULL,1,NULL,'2026-11-26 22:11:11.619999','2026-11-26 22:11:12.248259','2026-11-26 22:11:10.829472');
INSERT INTO servers VALUES
('web','{"1": "lw-1-0004-rwvh4t", "2": "lw-2-0001-p328gz", "3": "lw-3-0001-y8beab"}','{}',1.0,'{}','2026-11-26 22:11:14.503079');
INSERT INTO backfills VALUES
(1,1,'lw-1-0001-6ygysr','done','6',6,'2026-11-26 22:11:09.163384','2026-11-26 22:11:09.262432'),
(2,1,'lw-1-0002-dgznw7','done','6',2,'2026-11-26 22:11:09.678675','2026-11-26 22:11:09.759902'),
(3,1,'lw-1-0003-rczfvh','done','6',1,'2026-11-26 22:11:10.273647','2026-11-26 22:11:10.345780'),
(4,1,'lw-1-0004-rwvh4t','done','6',1,'2026-11-26 22:11:10.514674','2026-11-26 22:11:10.589717'),
(5,2,'lw-2-0001-p328gz','done','13',13,'2026-11-26 22:11:11.219691','2026-11-26 22:11:11.595904'),
(6,3,'lw-3-0001-y8beab','done','1',1,'2026-11-26 22:11:11.631477','2026-11-26 22:11:11.702903');
INSERT INTO decisions VALUES
(1,1,'topic','ordered','nothing is served yet; the label names can answer without any label','{"recipe": "names"}','2026-11-26 22:11:08.845440'),
(2,1,'topic','started','it was ordered (connect); it learns from the label names','{}','2026-11-26 22:11:08.885533'),
(3,1,'topic','promoted','it answers from the label names alone, until there are labels to learn from','{"round": 1, "version": "1-topic-0001-r6xafa", "generation": "lw-1-0001-6ygysr"}','2026-11-26 22:11:09.003950'),
(4,1,NULL,'connected','fake shows suggestions of lw-1-0001-6ygysr','{}','2026-11-26 22:11:09.067452'),
(5,1,'topic','ordered','the first 4 new labels have come','{"recipe": "auto"}','2026-11-26 22:11:09.457011'),
(6,1,'topic','started','it was ordered (labels); it learns from 4 labelled examples','{}','2026-11-26 22:11:09.488141'),
(7,1,'topic','promoted','On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.','{"round": 2, "version": "1-topic-0002-gkjeq8", "verdict": "better", "reason": "On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.", "examples": 100, "groups": 100, "challenger_score": 0.9, "champion_score": 0.6, "difference": 0.30000000000000004, "low": 0.22000000000000008, "high": 0.38, "probability": 1.0, "classes": [{"label": "a", "gold": 100.0, "champion_f1": 0.75, "challenger_f1": 0.9473684210526315, "low": 0.14335577162802293, "high": 0.2624318686494852, "collapsed": false}], "cross_validated": false, "report": {}, "generation": "lw-1-0002-dgznw7"}','2026-11-26 22:11:09.605024'),
(8,1,'topic','ordered','5 new labels have come','{"recipe": "auto"}','2026-11-26 22:11:09.873841'),
(9,1,'topic','started','it was ordered (labels); it learns from 6 labelled examples','{}','2026-11-26 22:11:09.909009'),
(10,1,'topic','rejected','On 100 examples the challenger''s mean score is 0.400 and the champion''s 0.600 (-0.200, 90 % interval -0.270 to -0.130): ''a'' falls from F1 0.75 to 0.57 on 100 gold labels.','{"round": 3, "version": "1-topic-0003-n3rsb9", "verdict": "worse", "reason": "On 100 examples the challenger''s mean score is 0.400 and the champion''s 0.600 (-0.200, 90 % interval -0.270 to -0.130): ''a'' falls from F1 0.75 to 0.57 on 100 gold labels.", "examples": 100, "groups": 100, "challenger_score": 0.4, "champion_score": 0.6, "difference": -0.19999999999999996, "low": -0.26999999999999996, "high": -0.13000000000000006, "probability": 0.0, "classes": [{"label": "a", "gold": 100.0, "champion_f1": 0.75, "challenger_f1": 0.5714285714285714, "low": -0.24468394684594286, "high": -0.11830819284235428, "collapsed": true}], "cross_validated": false, "report": {}}','2026-11-26 22:11:10.012047'),
(11,1,'topic','started','it was ordered (command); it learns from 6 labelled examples','{}','2026-11-26 22:11:10.076505'),
(12,1,'topic','promoted','On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.','{"round": 4, "version": "1-topic-0004-d2fzge", "verdict": "better", "reason": "On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.", "examples": 100, "groups": 100, "challenger_score": 0.9, "champion_score": 0.6, "difference": 0.30000000000000004, "low": 0.22000000000000008, "high": 0.38, "probability": 1.0, "classes": [{"label": "a", "gold": 100.0, "champion_f1": 0.75, "challenger_f1": 0.9473684210526315, "low": 0.14335577162802293, "high": 0.2624318686494852, "collapsed": false}], "cross_validated": false, "report": {}, "generation": "lw-1-0003-rczfvh"}','2026-11-26 22:11:10.206297'),
(13,1,'topic','rolled back','someone asked for 1-topic-0002-gkjeq8 instead of 1-topic-0004-d2fzge','{"version": "1-topic-0002-gkjeq8", "replaced": "1-topic-0004-d2fzge", "generation": "lw-1-0004-rwvh4t"}','2026-11-26 22:11:10.451794'),
(14,1,'topic','skipped','it was rolled back; an automatic round needs 4 more new labels, or `labelwheel train`','{"code": "pinned"}','2026-11-26 22:11:10.472602'),
(15,1,'places','started','it was ordered (command); it learns from 2 labelled examples','{}','2026-11-26 22:11:10.722209'),
(16,1,'places','failed','the job failed: ValueError: no such base model','{"round": 5, "version": "1-places-0001-eq4a7j"}','2026-11-26 22:11:10.780199'),
(17,1,'topic','shared','''theme'' of project 2 (A project) and ''topic'' of project 1 (A project) ask the same: one champion, labels of both train it','{}','2026-11-26 22:11:10.883889'),
(18,2,'theme','shared','''theme'' of project 2 (A project) and ''topic'' of project 1 (A project) ask the same: one champion, labels of both train it','{}','2026-11-26 22:11:10.884426'),
(19,2,'stars','not shared','no single question of project 1 (A project) has the same kind and the same options','{}','2026-11-26 22:11:10.887653'),
(20,1,'topic','skipped','it was rolled back; an automatic round needs 4 more new labels, or `labelwheel train`','{"code": "pinned"}','2026-11-26 22:11:10.956718'),
(21,2,'theme','skipped','it was rolled back; an automatic round needs 4 more new labels, or `labelwheel train`','{"code": "pinned"}','2026-11-26 22:11:11.000539'),
(22,2,NULL,'connected','fake shows suggestions of lw-2-0001-p328gz','{}','2026-11-26 22:11:11.019177'),
(23,3,'topic','ordered','nothing is served yet; the label names can answer without any label','{"recipe": "names"}','2026-11-26 22:11:11.039294'),
(24,3,'topic','started','it was ordered (connect); it learns from the label names','{}','2026-11-26 22:11:11.068428'),
(25,3,'topic','promoted','it answers from the label names alone, until there are labels to learn from','{"round": 6, "version": "3-topic-0001-89kabz", "generation": "lw-3-0001-y8beab"}','2026-11-26 22:11:11.357063'),
(26,3,NULL,'connected','fake shows suggestions of lw-3-0001-y8beab','{}','2026-11-26 22:11:11.535354'),
(27,3,NULL,'disconnected','someone asked for it','{}','2026-11-26 22:11:12.250582'),
(28,1,'topic','started','it was ordered (command); it learns from 7 labelled examples','{}','2026-11-26 22:11:14.300001'),
(29,2,'theme','started','it was ordered (command); it learns from 7 labelled examples','{}','2026-11-26 22:11:14.300796');
INSERT INTO events VALUES
(1,1,'topic','1','1/ann','ann','created','"politics"','made',NULL,NULL,'2026-01-01 00:00:01.000000','2026-11-26 22:11:09.386218'),
(2,1,'topic','3','3/ann','ann','created','"sport"','made',NULL,NULL,'2026-01-01 00:00:02.000000','2026-11-26 22:11:09.386218'),
(3,1,'topic','4','4/ann','ann','created','"politics"','made',NULL,NULL,'2026-01-01 00:00:03.000000','2026-11-26 22:11:09.386218'),
(4,1,'topic','5','5/ann','ann','created','"sport"','made',NULL,NULL,'2026-01-01 00:00:04.000000','2026-11-26 22:11:09.407063'),
(5,1,'topic','4','4/ann','ann','updated','"sport"','made',NULL,NULL,'2026-01-01 00:00:07.000000','2026-11-26 22:11:09.800103'),
(6,1,'topic','1','1/bob','bob','created','"sport"','accepted','lw-1-0002-dgznw7',NULL,'2026-01-01 00:00:05.000000','2026-11-26 22:11:09.800103'),
(7,1,'places','1','1/bob','bob','created','[{"start": 9, "end": 11, "label": "city"}]','made','lw-1-0002-dgznw7',NULL,'2026-01-01 00:00:05.000000','2026-11-26 22:11:09.800103'),
(8,1,'topic','3','3/bob','bob','created','"sport"','changed','lw-1-0002-dgznw7',4.5,'2026-01-01 00:00:06.000000','2026-11-26 22:11:09.800103'),
(9,1,'places','3','3/bob','bob','created','[{"start": 28, "end": 33, "label": "city"}]','made','lw-1-0002-dgznw7',4.5,'2026-01-01 00:00:06.000000','2026-11-26 22:11:09.800103'),
(10,1,'topic','6','6/bob','bob','created','"politics"','made',NULL,NULL,'2026-01-01 00:00:08.000000','2026-11-26 22:11:09.819843'),
(11,1,'topic','2','2/bob','bob','created','"politics"','made',NULL,NULL,'2026-01-01 00:00:10.000000','2026-11-26 22:11:09.819843'),
(12,1,'topic','6','6/bob','bob','deleted','"politics"','made',NULL,NULL,'2026-01-01 00:00:08.000000','2026-11-26 22:11:10.164565'),
(13,2,'theme','1','1/cem','cem','created','"politics"','made',NULL,NULL,'2026-01-01 00:00:01.000000','2026-11-26 22:11:12.294910'),
(14,2,'stars','1','1/cem','cem','created',4,'made',NULL,NULL,'2026-01-01 00:00:01.000000','2026-11-26 22:11:12.294910'),
(15,2,'theme','2','2/cem','cem','created','"sport"','made',NULL,NULL,'2026-01-01 00:00:02.000000','2026-11-26 22:11:12.294910'),
(16,2,'stars','2','2/cem','cem','created',5,'made',NULL,NULL,'2026-01-01 00:00:02.000000','2026-11-26 22:11:12.294910'),
(17,2,'stars','3','3/cem','cem','created',1,'made',NULL,NULL,'2026-01-01 00:00:03.000000','2026-11-26 22:11:12.294910');
INSERT INTO examples VALUES
(1,1,'1','{"text": "Where is my parcel?"}','a3f7cea242d98a7f7f271521bc60388b81c6044dcd4d69e0cb3046257dae22df','59abaaffaef4719128dea3de26357384','train',0,2,'2026-11-26 22:11:10.110816','2026-11-26 22:11:09.104847'),
(2,1,'2','{"text": "where is MY parcel!"}','d1b6739071a73f8aa6ddcf424b4127c0f3b316d7e7aef414fedc3118f534b731','59abaaffaef4719128dea3de26357384','train',0,2,'2026-11-26 22:11:10.110816','2026-11-26 22:11:09.104847'),
(3,1,'3','{"text": "The striker scored twice in Turin"}','3126a8d6cfbd1a2cc3084f298e26f73b5a3a6a6e4751a0d8eb15bbe86b3a41ca','dc8a6f88cbf2e8ebd4bf866b967ee13b','train',0,2,'2026-11-26 22:11:10.110816','2026-11-26 22:11:09.104847'),
(4,1,'4','{"text": "Parliament voted"}','e58b5ee5f9f43dbd072526aacdd2785f109b5bd7927a456d94892389e79c7131','0a828fd9f1497c0efdb516167e4ee4e0','train',0,2,'2026-11-26 22:11:10.164565','2026-11-26 22:11:09.129469'),
(5,1,'5','{"text": "A late goal"}','97ffddd2671ca176a4e8b1927811caa1d4b592197b35ebf69e4bc0774e6c6238','b97b02cb7619a4422d0156b6ce657e76','train',0,2,'2026-11-26 22:11:10.164565','2026-11-26 22:11:09.129469'),
(6,1,'6','{"text": "The minister resigned"}','b2a8e9a21ee8b82eabc234f82a47b0514e6157f3a408650acc64e0929f428cc2','f16496677a102a06580485ab0c67ecaa','held_out',0,2,'2026-11-26 22:11:10.164565','2026-11-26 22:11:09.129469'),
(7,2,'1','{"body": "Where is my parcel"}','f73a0a7208861950cd41e82ec76d78f8ab0dcb518ef99c0f31cf30b93cefc444','59abaaffaef4719128dea3de26357384','train',0,2,'2026-11-26 22:11:14.519463','2026-11-26 22:11:11.143558'),
(8,2,'2','{"body": "A late goal won the cup"}','6dec663a2b1d2380dce6b8909495654ccdd4fe1afb7b369e74e035e54f6c2de1','a9e5bd5311b149ef84a0294c24ccb755','train',0,2,'2026-11-26 22:11:14.519463','2026-11-26 22:11:11.143558'),
(9,2,'3','{"body": "Payment of 100.10 on account 1000"}','e480ffbb22b311dce9de84126cacb0fc4b7b6ad5c0333b8c1a2d3e0c8cc30bd2','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.519463','2026-11-26 22:11:11.143558'),
(10,2,'4','{"body": "Payment of 117.11 on account 1001"}','605d9778463b984c1ca58d3337d5dc0c435f4faa80352703a0057b6fb50d2c5e','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.519463','2026-11-26 22:11:11.143558'),
(11,2,'5','{"body": "Payment of 134.12 on account 1008"}','28373ddf734826fb3ee219ecbef895d2169a710a6a731284fea32b2a33b593fb','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.415528','2026-11-26 22:11:11.163956'),
(12,2,'6','{"body": "Payment of 151.13 on account 1027"}','07909f61ce49edc1b4a3534150235a921dc52d41e062215056be202d68881942','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.415528','2026-11-26 22:11:11.163956'),
(13,2,'7','{"body": "Payment of 168.14 on account 1064"}','8f50af70564cf14f932c0f8ff8490f0b5737428eeaaf4d63147e9472b3b4470a','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.415528','2026-11-26 22:11:11.163956'),
(14,2,'8','{"body": "Payment of 185.15 on account 1125"}','4ef6afe3af21cdfb58cbdbd796370e215c82c8223159e52694ad779db57a9247','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.415528','2026-11-26 22:11:11.163956'),
(15,2,'9','{"body": "Payment of 202.16 on account 1216"}','edb1afaed39d2e952e2835af8b5dd54ab5740a3e7e313229bf475fe49ad26930','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.487941','2026-11-26 22:11:11.178253'),
(16,2,'10','{"body": "Payment of 219.17 on account 1343"}','4448ae5729c393e7783a65753a7b2c87aed668f0b1db7b510f07b15f19c65c21','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.487941','2026-11-26 22:11:11.178253'),
(17,2,'11','{"body": "Payment of 236.18 on account 1512"}','035bc2348d0edf03e99220461d7a7d059d205211e5acf939e3cf1701b316f68d','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.487941','2026-11-26 22:11:11.178253'),
(18,2,'12','{"body": "Payment of 253.19 on account 1729"}','dbcd7a8f0df4847a50ed5d7f338a48c33688bea8bd8f81c44d565c202ce3a8c1','83b982507bd0345157e7448a2e08eb25','train',0,2,'2026-11-26 22:11:14.487941','2026-11-26 22:11:11.178253'),
(19,2,'13','{"body": "Payment of 270.20 on account 2000"}','bd70555258067278a82093571080e92acb99c205a25f9c713be1ab9bc9ac6cdb','83b982507bd0345157e7448a2e08eb25','train',0,1,'2026-11-26 22:11:11.510201','2026-11-26 22:11:11.191765'),
(20,3,'1','{"text": "The cup went to the north"}','4ef3e7431580115e2752c3aab96bb1a0dca1e4c552728433e95f27d01a7e9d96','b1f0863a7b484064b57eccbffb9ab9ec','train',0,1,'2026-11-26 22:11:11.624168','2026-11-26 22:11:11.610379');
INSERT INTO generations VALUES
(1,1,'lw-1-0001-6ygysr','{"topic": 1}','topic: it answers from the label names alone, until there are labels to learn from',1,'2026-11-26 22:11:08.999443'),
(2,1,'lw-1-0002-dgznw7','{"topic": 2}','topic: On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.',1,'2026-11-26 22:11:09.602406'),
(3,1,'lw-1-0003-rczfvh','{"topic": 3}','topic: On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.',1,'2026-11-26 22:11:10.203842'),
(4,1,'lw-1-0004-rwvh4t','{"topic": 2}','rollback: someone asked for 1-topic-0002-gkjeq8 instead of 1-topic-0004-d2fzge',0,'2026-11-26 22:11:10.450632'),
(5,2,'lw-2-0001-p328gz','{"theme": 2}','''theme'' shares its champion with ''topic''',0,'2026-11-26 22:11:10.881912'),
(6,3,'lw-3-0001-y8beab','{"topic": 4}','topic: it answers from the label names alone, until there are labels to learn from',0,'2026-11-26 22:11:11.354147');
INSERT INTO labels VALUES
(1,1,'topic','1','1/ann','ann','"politics"','made',NULL,NULL,'2026-01-01 00:00:01.000000',1),
(2,1,'topic','3','3/ann','ann','"sport"','made',NULL,NULL,'2026-01-01 00:00:02.000000',2),
(3,1,'topic','4','4/ann','ann','"sport"','made',NULL,NULL,'2026-01-01 00:00:07.000000',5),
(4,1,'topic','5','5/ann','ann','"sport"','made',NULL,NULL,'2026-01-01 00:00:04.000000',4),
(5,1,'topic','1','1/bob','bob','"sport"','accepted','lw-1-0002-dgznw7',NULL,'2026-01-01 00:00:05.000000',6),
(6,1,'places','1','1/bob','bob','[{"start": 9, "end": 11, "label": "city"}]','made','lw-1-0002-dgznw7',NULL,'2026-01-01 00:00:05.000000',7),
(7,1,'topic','3','3/bob','bob','"sport"','changed','lw-1-0002-dgznw7',4.5,'2026-01-01 00:00:06.000000',8),
(8,1,'places','3','3/bob','bob','[{"start": 28, "end": 33, "label": "city"}]','made','lw-1-0002-dgznw7',4.5,'2026-01-01 00:00:06.000000',9),
(10,1,'topic','2','2/bob','bob','"politics"','made',NULL,NULL,'2026-01-01 00:00:10.000000',11),
(11,2,'theme','1','1/cem','cem','"politics"','made',NULL,NULL,'2026-01-01 00:00:01.000000',13),
(12,2,'stars','1','1/cem','cem',4,'made',NULL,NULL,'2026-01-01 00:00:01.000000',14),
(13,2,'theme','2','2/cem','cem','"sport"','made',NULL,NULL,'2026-01-01 00:00:02.000000',15),
(14,2,'stars','2','2/cem','cem',5,'made',NULL,NULL,'2026-01-01 00:00:02.000000',16),
(15,2,'stars','3','3/cem','cem',1,'made',NULL,NULL,'2026-01-01 00:00:03.000000',17);
INSERT INTO placed VALUES
(1,1,'59abaaffaef4719128dea3de26357384','59abaaffaef4719128dea3de26357384','train',X'59ABAAFFAEF4719128DEA3DE263573841148F0029542FD0EB23C3E0A374F80042AB9B5278616D71D34C97400A70B71075B09DD09E805BC00DBE9AD3775F2E5011A367C00BF98D904808E400E2ED6CD0726F69213DCA6700E09DBE520A2C8050B393512125EDA52071BF4F303311970222144E3051B261912AB77700CE3991F292FF5E50C8F5B0E002BCADD077D39BA2A4CFE1D0BDAF87704ED290904105A381104010A44A481440247F0BC1B77AD8B0A42167F09F548010465AAE9008EA82419D0CB8E08CBE5A700EA2B6C0B384B4A033C093A09BB124113F6297E11D2EEA1152D60CE0F7247DF0DEAABED0E3101803986AFEA15835CDC0953631C1B32E6FF03BB952D075F9AF821FAC0A1146AEFE606'),
(2,1,'dc8a6f88cbf2e8ebd4bf866b967ee13b','dc8a6f88cbf2e8ebd4bf866b967ee13b','train',X'DC8A6F88CBF2E8EBD4BF866B967EE13B7D21A82D1A199316F72BFF042D48FC08753397118509260E30A2040974446712B108F320E9067A0470156515DA32040EF0D4CB0215DBD91441831A069AD3B4051520E30ABBF17404B7098E0370EEE40053E91D036B4A6F019EA05F0F1FCA1800344A8408E753570FD3F45B042A2E7B064C761E00F6EC3F11FF8C4F035CC1580228A6BA05E7BCD101CD943913A3BEE401EDF8B7061D8888002BC9D70D79DECE05672A281304AC48060C6A8A033FF27A075B188103FF5E710C867F8703D94FC902418D1D081AD3C801CF7B180FC77CAE0FCD77F501D47FC1114655DE13F734E817A0040B03E880A00978E71F004F6E2F070A0F9F01F5F3C81860979401732A190D'),
(3,1,'0a828fd9f1497c0efdb516167e4ee4e0','0a828fd9f1497c0efdb516167e4ee4e0','train',X'0A828FD9F1497C0EFDB516167E4EE4E069ED93034756471837BA10040CDF530B5D09AA0ACA59AD0FD0E99204AD58B15786C23B0D07241909C2023A00EE633B008B322E4589D7B91A8BA286000C3BA91C85DB5211AEAE992436CED021CFCDFB0C1F0657008FCA5221C9E44C03E8BEF40BD1484010A325770A2E9B350EA0EFFF06D956320931F1702AE96E2E0A9DEBE5091DF3D4000DA8160ED666B905F9BF94002BD4B91A1B1234014F3C6016419E0D0516C6F127928EC10CE0B8BF076DF71B3F91D010004D26060D9F58830349A70D074E78EA13A197580CFD545A01F14909048749141D788E2C060B9F063291B81A0F52C09D411515D427E135A70498E839015FBCE801DD83A607F9D1CE0D922E2902'),
(4,1,'b97b02cb7619a4422d0156b6ce657e76','b97b02cb7619a4422d0156b6ce657e76','train',X'B97B02CB7619A4422D0156B6CE657E76918685006F8EEB0EB0DDA54982288104F8D78E0C481C14010AB44C0A27EA8C0E0E29FB2D2A44710A80B8E30DBD578407592B510E63BC9B46AD683013622DF32E6BFDC179DA07D90CFA252D25DB2784003F4DF715928B06039B3DAE822E700420D8BBFF1530E23B04245B83008280DC099348071593701B26AB94220145A2831C986E2E261F3E4000C174BD5631B0425193DED41DD56AC13B6283B00D767711061D55BD3950A24413D20E5123EBD18104194863149969E80BCB6D621314BB1D02753D632A93EF5E005F0C652C163250474987F52CCE5FB321F872F81B292751261A60B208F1648F2DF4BE4D06C0000D57C4E1E400198971536CE6645664AAB419'),
(5,1,'f16496677a102a06580485ab0c67ecaa','f16496677a102a06580485ab0c67ecaa','held_out',X'F16496677A102A06580485AB0C67ECAA06041E2CEAAE09059054790B7453E0002F0BA6116FF42F0F3C1A72031A7A591DA42C4B14894CE11101833706FACE52138444951CAE6C6D051F077E52BEB4220D56272F01EF1D960F4FCBD83A8E5CB80275521D04516A12148D883703811ECC1F51461A0BB7C4040683FBDF085BA64D239A3B480D1CEF630072A31D0BA546200AB97403269EB93E050813BB0754F6D90099D502010F5A6A0095FEBF069DE5A5268C918C0CE5D76604F90A5C1E409AE41919CBDB007DCEB410E5112F28B40ADD14FDF22122A87985047877C50CBD646326232F381AFD83EC0FE19BFF1D6D4B362057F3791A72971C06DD2412094DE5430BA43DC319AB5D90078C6BE91D5A7AB705'),
(6,1,'a9e5bd5311b149ef84a0294c24ccb755','a9e5bd5311b149ef84a0294c24ccb755','train',X'A9E5BD5311B149EF84A0294C24CCB755918685006F8EEB0E5AF5531CAD628301F8D78E0C481C14010018030798E3C8059A0AD815C869C90180B8E30DBD578407592B510E0916AF01AD683013D4174E184A4A941EDA07D90C82F58C10DB278400127D1C11928B060364B910035E5B2619D8BBFF1530E23B04245B83008280DC0957587406314BEC13AB94220100BCA502E5F4D80A1F3E400096B61608F036B21A518AD214FC62020267F1370476771106EDD7560550A244138C907E05EBD1810425BB03039969E80BCB6D621314BB1D02CF6A5D0AD1505A00895EC01739F6C508FCCD5120C4EDAA100B0B3C0D394FA9086A1DA004F52956022472E50287458B16C4E1E400DBB20001A125E8278E7EDB07'),
(7,1,'83b982507bd0345157e7448a2e08eb25','83b982507bd0345157e7448a2e08eb25','train',X'83B982507BD0345157E7448A2E08EB2589B791027D7BDB020C37B604415372014A0AFD02B617C20380E2E602E4FE95046C38E702CF645F0160208B0D402909045183D6009634F100D2F44109450D9C0192FC750115CF9509D8B61602CE5899050EE6580AA032D409B3F539050C3C8B09DD49610A69A5520C81F0C70263993A0077146A04D32462010995C60D93E4F61DD289D50242ECED0882198604F5DDA30A28A994109EEB0B00338C22017E709A01476E2601EC47D10740D2B81019791602DFF29208AB0E17054469C70554328F03577F8B01C81CC62C381E85021B2D610F2ED58A009B85A00D612CDA01FF656F002DF25A00092ED500EEB3F6020E46E30B1295AF0DE871CF00E942CD0D59163A03'),
(8,3,'b1f0863a7b484064b57eccbffb9ab9ec','b1f0863a7b484064b57eccbffb9ab9ec','train',X'B1F0863A7B484064B57ECCBFFB9AB9ECE53E0D05B703601A593F3F002E3BCD0452B4251BB903EB069635D9008B62CF02A2E28305C869C901E62AB405413CA906541A721D835E42057087AB0A9387EA0359FE3A183901261AB24073085BB18C117E9F3704BE761803AA1CA30A78FE3305A5339812760F490EF64F7A2BF86F17035FC83D081D79E81497C1B60A4FA354290BB700008D269703CF65C2224198D30879B3010BFC62020273B1A901BB38DC17EDD7560502E6D9054DB37103BFB2B0309CFC43062832420479B9D40C640CF508DEEC1C1FE7CB0D0252D6C90239F6C5086A986000347E9C0B92BF2F1EC6A5E5036A1DA00471006D09F8150F0930E52C211129B911031918145D8B281ABADC9E0D');
INSERT INTO questions VALUES
(1,1,'topic','{"name": "topic", "kind": "choice", "inputs": ["text"], "titles": [], "options": [{"value": "sport", "hint": ""}, {"value": "politics", "hint": ""}], "prompt": "", "minimum": null, "maximum": null}',1,2,0,0,NULL,NULL),
(2,1,'places','{"name": "places", "kind": "spans", "inputs": ["text"], "titles": [], "options": [{"value": "city", "hint": ""}], "prompt": "", "minimum": null, "maximum": null}',1,NULL,0,0,NULL,NULL),
(3,2,'theme','{"name": "theme", "kind": "choice", "inputs": ["body"], "titles": [], "options": [{"value": "politics", "hint": ""}, {"value": "sport", "hint": ""}], "prompt": "", "minimum": null, "maximum": null}',1,2,0,0,1,'2026-11-26 22:11:10.877111'),
(4,2,'stars','{"name": "stars", "kind": "rating", "inputs": ["body"], "titles": [], "options": [], "prompt": "", "minimum": 1.0, "maximum": 5.0}',1,NULL,0,0,NULL,NULL),
(5,3,'topic','{"name": "topic", "kind": "choice", "inputs": ["text"], "titles": [], "options": [{"value": "sport", "hint": ""}, {"value": "politics", "hint": ""}], "prompt": "", "minimum": null, "maximum": null}',1,4,0,0,NULL,NULL);
INSERT INTO works VALUES
(1,1,'1/ann','1','ann','2026-01-01 00:00:01.000000',0,0,'[]'),
(2,1,'3/ann','3','ann','2026-01-01 00:00:02.000000',0,0,'[]'),
(3,1,'4/ann','4','ann','2026-01-01 00:00:07.000000',0,0,'[]'),
(4,1,'5/ann','5','ann','2026-01-01 00:00:04.000000',0,0,'[]'),
(5,1,'1/bob','1','bob','2026-01-01 00:00:05.000000',0,0,'[]'),
(6,1,'3/bob','3','bob','2026-01-01 00:00:06.000000',0,0,'[]'),
(7,1,'6/bob','6','bob','2026-01-01 00:00:08.000000',0,1,'[]'),
(8,1,'2/ann','2','ann','2026-01-01 00:00:09.000000',1,0,'[]'),
(9,1,'2/bob','2','bob','2026-01-01 00:00:10.000000',0,0,'["topic: unknown label ''weather''"]'),
(10,2,'1/cem','1','cem','2026-01-01 00:00:01.000000',0,0,'[]'),
(11,2,'2/cem','2','cem','2026-01-01 00:00:02.000000',0,0,'[]'),
(12,2,'3/cem','3','cem','2026-01-01 00:00:03.000000',0,0,'[]');
INSERT INTO shown VALUES
(1,2,'4','lw-2-0001-p328gz','{"theme": "sport"}','2026-11-26 22:11:14.270178'),
(2,2,'5','lw-2-0001-p328gz','{"theme": "politics", "stars": 3}','2026-11-26 22:11:14.270178');
INSERT INTO checkpoints VALUES
(1,1,'1-topic-0001-r6xafa','1-topic-0001-r6xafa',NULL,'names',0,0,'macro F1',0.9,0.8,1.0,'choice','0de0d93277b1cd67',NULL,0,'2026-11-26 22:11:08.990803'),
(2,1,'1-topic-0002-gkjeq8','1-topic-0002-gkjeq8',1,'auto',4,4,'macro F1',0.9,0.8,1.0,'choice','0de0d93277b1cd67',NULL,0,'2026-11-26 22:11:09.598920'),
(3,1,'1-topic-0004-d2fzge','1-topic-0004-d2fzge',2,'auto',6,11,'macro F1',0.9,0.8,1.0,'choice','0de0d93277b1cd67',NULL,0,'2026-11-26 22:11:10.200870'),
(4,5,'3-topic-0001-89kabz','3-topic-0001-89kabz',NULL,'names',0,0,'macro F1',0.9,0.8,1.0,'choice','0de0d93277b1cd67',NULL,0,'2026-11-26 22:11:11.350602');
INSERT INTO rounds VALUES
(1,1,1,'connect','names','promoted','1-topic-0001-r6xafa',NULL,0,0,'local',NULL,NULL,1.0,NULL,'{}','0de0d93277b1cd67',1,'worker/1',1,'it answers from the label names alone, until there are labels to learn from','2026-11-26 22:11:08.841644','2026-11-26 22:11:08.880820','2026-11-26 22:11:09.001299'),
(2,1,1,'labels','auto','promoted','1-topic-0002-gkjeq8',1,4,4,'local',NULL,NULL,1.0,NULL,'{}','0de0d93277b1cd67',1,'worker/1',1,'On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.','2026-11-26 22:11:09.454065','2026-11-26 22:11:09.485063','2026-11-26 22:11:09.603077'),
(3,1,1,'labels','auto','rejected','1-topic-0003-n3rsb9',2,11,6,'local',NULL,NULL,1.0,NULL,'{}','0de0d93277b1cd67',1,'worker/1',1,'On 100 examples the challenger''s mean score is 0.400 and the champion''s 0.600 (-0.200, 90 % interval -0.270 to -0.130): ''a'' falls from F1 0.75 to 0.57 on 100 gold labels.','2026-11-26 22:11:09.871002','2026-11-26 22:11:09.906926','2026-11-26 22:11:10.010145'),
(4,1,1,'command','auto','promoted','1-topic-0004-d2fzge',2,11,6,'local',NULL,NULL,1.0,NULL,'{}','0de0d93277b1cd67',1,'worker/1',1,'On 100 examples the challenger''s mean score is 0.900 and the champion''s 0.600 (+0.300, 90 % interval +0.220 to +0.380): it is better.','2026-11-26 22:11:10.056149','2026-11-26 22:11:10.074380','2026-11-26 22:11:10.204565'),
(5,1,2,'command','auto','failed','1-places-0001-eq4a7j',NULL,12,2,'local',NULL,NULL,0.0,NULL,'{}','2dbb3a234bf31bc0',1,'worker/1',1,'the job failed: ValueError: no such base model','2026-11-26 22:11:10.704309','2026-11-26 22:11:10.719788','2026-11-26 22:11:10.777160'),
(6,3,5,'connect','names','promoted','3-topic-0001-89kabz',NULL,0,0,'local',NULL,NULL,1.0,NULL,'{}','0de0d93277b1cd67',1,'worker/1',1,'it answers from the label names alone, until there are labels to learn from','2026-11-26 22:11:11.036712','2026-11-26 22:11:11.065603','2026-11-26 22:11:11.354873'),
(7,1,1,'command','auto','running','1-topic-0005-c7z5r7',2,17,7,'local','job-7','kZ0qAUtd9JQ9s2VjHYew1WDqOPGqFTVA',0.0,NULL,'{}','0de0d93277b1cd67',1,'worker/1',1,NULL,'2026-11-26 22:11:14.276978','2026-11-26 22:11:14.298183',NULL);
