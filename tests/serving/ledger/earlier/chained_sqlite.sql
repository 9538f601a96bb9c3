BEGIN TRANSACTION;
CREATE TABLE account (
	number INTEGER NOT NULL, 
	id VARCHAR(255) NOT NULL, 
	asset VARCHAR(3) NOT NULL, 
	exponent INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	owner VARCHAR(128) NOT NULL, 
	owner_digest BLOB NOT NULL, 
	owner_sealed BLOB, 
	posted BIGINT NOT NULL, 
	pending_out BIGINT NOT NULL, 
	min_available BIGINT, 
	last BIGINT NOT NULL, 
	PRIMARY KEY (number), 
	CONSTRAINT account_once UNIQUE (id), 
	CONSTRAINT account_available CHECK (min_available IS NULL OR posted - pending_out >= min_available), 
	CONSTRAINT account_pending_out CHECK (pending_out >= 0), 
	CONSTRAINT account_countable CHECK (posted >= -4611686018427387904 AND posted <= 4611686018427387904), 
	CONSTRAINT account_exponent CHECK (exponent >= 0 AND exponent <= 6), 
	CONSTRAINT account_owner_digest CHECK (length(owner_digest) = 32)
);
INSERT INTO "account" VALUES(1,'budget:CNY:tea','CNY',2,'budget','tea',X'8A46864B0728F294A6B9B27C9FF2AADB6A95E9FDAC7AF01F081298742763DA5C',X'E6F2990F95A7F7626107CEAA236AE2DE605B93908DE86FE470775B51A8E94217EA86CE4E7DAFA3E4724EDF3845E8FB697CD50DB07864F280E9987979429816',4000,40,0,12);
INSERT INTO "account" VALUES(2,'cash:CNY:platform','CNY',2,'cash','platform',X'0B3D4ECCDE4580F7D7E0F32A99EFA43F12ECC73C3DC50F7E3C3746B3E5B34D68',X'D9AADBA9B25937C07FC3F7ED9D87B3BC46FC89CF0CC65413BDE7E0B1EF83AD8FFDA830D05AAF35CC4F2C23267AFCA0701B7DA7DB7FDF1FF2E1657A4E44BA8FDFF37762CB',-5000,0,NULL,10);
INSERT INTO "account" VALUES(3,'clearing:CNY:fake','CNY',2,'clearing','fake',X'4D0A641CD27F32C09F30F300456265BE04CD3C8F53F9A9FEAE4AB66AE885E90A',X'1A5D787A004D5A5F1291FA731570733DA1B11A05D5C881CC50C2922E8F8F6EF05AB3790D65152D8F1D35F6206E0211986E591E9628FC2C0C2E7D2AF482C5E93A',0,0,0,19);
INSERT INTO "account" VALUES(4,'receivable:CNY:net','CNY',2,'receivable','net',X'CAE0325FB0E08232D2963F4BC978ABC7FD8081E63D3F08FE9BCF7F1F9E956706',X'A8780F4E85B8BB073CC46A8106638C1F1393456F7099C35A6988B4ADC046C6F71889C61A0DDEBCAF55E6B451D0A1B824800FF45B1069ADA570A579FA7573B4',-67,0,-10000,17);
INSERT INTO "account" VALUES(5,'revenue:CNY:platform','CNY',2,'revenue','platform',X'F5D6F0C0FA0477D0E4E763188CD4240B492A6C46A5F248EC8F309CDE3922A362',X'D9AADBA9B25937C07FC3F7ED9D87B3BC46FC89CF0CC65413BDE7E0B1EF83AD8F8437CDAE7BC20FAD2A1CB423B5EF0288F8568D01C7F60C782BC492CCE8ABC46342643FA5',1067,0,NULL,17);
INSERT INTO "account" VALUES(6,'reward_budget:CNY:tea','CNY',2,'reward_budget','tea',X'4A9BE89F952A5856E2A23EE9863C9A2019513F273BAC7375B866FE0310729A39',X'E6F2990F95A7F7626107CEAA236AE2DE605B93908DE86FE470775B51A8E942171BCF33AF72D406E9A8E462820F613AF91DB5C2F51251B6C194998CA9CF6EEC',3000,20,0,11);
INSERT INTO "account" VALUES(7,'reward_expense:CNY:platform','CNY',2,'reward_expense','platform',X'AC1358358B9B16C490930224C3F1372B5807FC8F30FA3EF4AF1DB00C8FC67BE4',X'D9AADBA9B25937C07FC3F7ED9D87B3BC46FC89CF0CC65413BDE7E0B1EF83AD8F6975C04CC6B6CED0CA03AECFB8AA4D62962073FEAFD4667753656D961CEB94B79962CC81',-3640,0,NULL,16);
INSERT INTO "account" VALUES(8,'wallet_available:CNY:ann','CNY',2,'wallet_available','ann',X'A093C896B8F60DDCAD4D151AB5E8B6A57CD20AD9F44738D28C764972EA982DA0',X'F984ABB7E27A4A6F36574F05467FADBEB072CD1418F0FB138C70725FFF84EDE0F2AD4117D9D3ADC4EF9B4759CDD7A8264F1DC2FAACEC6A82B415820568192D',600,100,0,19);
INSERT INTO "account" VALUES(9,'wallet_pending:CNY:bob "b"','CNY',2,'wallet_pending','bob "b"',X'985423E7A8D8884458E560971C0E4705CC16B84D54DEE8B9548221960DD2A532',X'25544D5CBBC2A54755BEB103F1B092F97DB6FA10A8F9782B0DF91017DA20DA05AE210555D4B9614085DECED9C7003DD62678027286DF6C72B95C198A1774C85C746ACC',40,0,0,16);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('r0001');
CREATE TABLE change (
	sequence INTEGER NOT NULL, 
	message_id VARCHAR(40) NOT NULL, 
	type VARCHAR(32) NOT NULL, 
	subject VARCHAR(160) NOT NULL, 
	subject_sequence BIGINT NOT NULL, 
	data TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	numbered_at BIGINT NOT NULL, 
	PRIMARY KEY (sequence)
);
CREATE TABLE change_head (
	id INTEGER NOT NULL, 
	sequence BIGINT NOT NULL, 
	pruned BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE change_subject (
	subject VARCHAR(160) NOT NULL, 
	sequence BIGINT NOT NULL, 
	delivered BIGINT NOT NULL, 
	failures INTEGER NOT NULL, 
	next_at BIGINT, 
	PRIMARY KEY (subject)
);
CREATE TABLE exposure (
	partner_id VARCHAR(128) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	day INTEGER NOT NULL, 
	micros BIGINT NOT NULL, 
	PRIMARY KEY (partner_id, currency, day)
);
CREATE TABLE hold (
	id VARCHAR(255) NOT NULL, 
	account BIGINT NOT NULL, 
	amount_micros BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	cause_id VARCHAR(255) NOT NULL, 
	opened_at BIGINT NOT NULL, 
	resolved_at BIGINT, 
	expires_at BIGINT, 
	captured_micros BIGINT DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT hold_amount CHECK (amount_micros > 0 AND amount_micros <= 9007199254740991), 
	CONSTRAINT hold_state CHECK (state IN ('open', 'captured', 'released')), 
	CONSTRAINT hold_resolved CHECK ((state = 'open') = (resolved_at IS NULL)), 
	CONSTRAINT hold_captured_part CHECK (captured_micros >= 0 AND captured_micros <= amount_micros), 
	CONSTRAINT hold_captured CHECK ((state = 'captured') = (captured_micros > 0)), 
	CONSTRAINT hold_expires CHECK (expires_at IS NULL OR expires_at > opened_at), 
	FOREIGN KEY(account) REFERENCES account (number)
);
INSERT INTO "hold" VALUES('freed',8,50,'released','w-freed',5,7,NULL,0);
INSERT INTO "hold" VALUES('open',8,100,'open','w-open',5,NULL,NULL,0);
INSERT INTO "hold" VALUES('taken',8,150,'captured','w-taken',5,6,NULL,150);
CREATE TABLE ledger_event (
	sequence INTEGER NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	account BIGINT NOT NULL, 
	micros BIGINT, 
	at BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	PRIMARY KEY (sequence), 
	CONSTRAINT ledger_event_hash CHECK (length(hash) = 32)
);
INSERT INTO "ledger_event" VALUES(1,'opened',1,0,0,'{"asset":"CNY","exponent":2,"kind":"budget","owner":"8a46864b0728f294a6b9b27c9ff2aadb6a95e9fdac7af01f081298742763da5c"}',X'725317B761466209D2ADB769F277A2BF4BBD2DCA26C970347CF7D9605AA7CDE5');
INSERT INTO "ledger_event" VALUES(2,'opened',2,NULL,0,'{"asset":"CNY","exponent":2,"kind":"cash","owner":"0b3d4eccde4580f7d7e0f32a99efa43f12ecc73c3dc50f7e3c3746b3e5b34d68"}',X'6E7A48D25F983A51F0B760C28E3E9C4247FF7DAD4AAE5DEF9AF2108C7EF18A23');
INSERT INTO "ledger_event" VALUES(3,'opened',3,0,0,'{"asset":"CNY","exponent":2,"kind":"clearing","owner":"4d0a641cd27f32c09f30f300456265be04cd3c8f53f9a9feae4ab66ae885e90a"}',X'4406021B246EA7CF771B8743C9B1777772522E07B757E678ED4B07C1E69A5DE1');
INSERT INTO "ledger_event" VALUES(4,'opened',4,-10000,0,'{"asset":"CNY","exponent":2,"kind":"receivable","owner":"cae0325fb0e08232d2963f4bc978abc7fd8081e63d3f08fe9bcf7f1f9e956706"}',X'153CAB232E1D4E9E092712A65564520D4E23E878E411D5AE1984EB397395EF13');
INSERT INTO "ledger_event" VALUES(5,'opened',5,NULL,0,'{"asset":"CNY","exponent":2,"kind":"revenue","owner":"f5d6f0c0fa0477d0e4e763188cd4240b492a6c46a5f248ec8f309cde3922a362"}',X'D05200FD75345B86D1263549F967DC192D6951B9A61E0F7D0FD4530DA7DA0756');
INSERT INTO "ledger_event" VALUES(6,'opened',6,0,0,'{"asset":"CNY","exponent":2,"kind":"reward_budget","owner":"4a9be89f952a5856e2a23ee9863c9a2019513f273bac7375b866fe0310729a39"}',X'C24C35C6D253D469AE9FB3C019A721C77361992787BB898E41715138A30D9133');
INSERT INTO "ledger_event" VALUES(7,'opened',7,NULL,0,'{"asset":"CNY","exponent":2,"kind":"reward_expense","owner":"ac1358358b9b16c490930224c3f1372b5807fc8f30fa3ef4af1db00c8fc67be4"}',X'DC8D8095248B28B7E7E28F8D9E9392992A23882F8212900E8321DCE12A7F0CC0');
INSERT INTO "ledger_event" VALUES(8,'opened',8,0,0,'{"asset":"CNY","exponent":2,"kind":"wallet_available","owner":"a093c896b8f60ddcad4d151ab5e8b6a57cd20ad9f44738d28c764972ea982da0"}',X'988497E54F184D02C531838D2C9BAE5B7C70E5F7AA62A3A719397828C97BA3E1');
INSERT INTO "ledger_event" VALUES(9,'opened',9,0,0,'{"asset":"CNY","exponent":2,"kind":"wallet_pending","owner":"985423e7a8d8884458e560971c0e4705cc16b84d54dee8b9548221960dd2a532"}',X'AB30DCACA13DBE47AC94E413AE96BFB54C17305C4B079BB7F810C0BFB55161AB');
INSERT INTO "ledger_event" VALUES(20,'held',8,50,5,'{"cause":"w-freed","expires_at":null,"id":"freed"}',X'41242AC16420F2ADA58864F7549758C2FF7F27FD4B44A1C4250CD724C24E10D9');
INSERT INTO "ledger_event" VALUES(21,'released',8,-50,7,'{"captured":0,"id":"freed"}',X'B8C281DC5996A530FC204F2CB9A4149C5AC668B094B694398441077A6F6AB94E');
INSERT INTO "ledger_event" VALUES(22,'held',8,100,5,'{"cause":"w-open","expires_at":null,"id":"open"}',X'E3BEE358CAA21414D0680591C38261CC7CD84BB5B0293034062C541F55DABAA6');
INSERT INTO "ledger_event" VALUES(23,'held',8,150,5,'{"cause":"w-taken","expires_at":null,"id":"taken"}',X'6F6CD1786A96EACA9F5BC6043574361E6E700B436FF1EB0E8DD3A17A5881114B');
INSERT INTO "ledger_event" VALUES(24,'captured',8,-150,6,'{"captured":150,"id":"taken"}',X'11D15AF209E2F18B5B72082DBF025ADEB0911D3E2A8941EDE402F32E8C5B53C4');
INSERT INTO "ledger_event" VALUES(25,'reserved',1,40,0,'{}',X'539703C81C79F2FA263724E10A32E8C0726DFCE05E2AA4E241AE976D57426078');
INSERT INTO "ledger_event" VALUES(26,'reserved',6,20,0,'{}',X'42F0D4F8EE42060B763AE87D41D86FE72FE845CEC572264532D376F31E7869E5');
INSERT INTO "ledger_event" VALUES(27,'adopted',0,NULL,0,'{"accounts":9,"holds":3,"transfers":10}',X'B41EBF54C389C7FC9AA7ED2E600D4D92BCE230AF2E9A75497EDAFE79959226C0');
CREATE TABLE ledger_head (
	id INTEGER NOT NULL, 
	sequence BIGINT NOT NULL, 
	hash BLOB NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ledger_head_one CHECK (id = 1), 
	CONSTRAINT ledger_head_hash CHECK (length(hash) = 32)
);
INSERT INTO "ledger_head" VALUES(1,27,X'B41EBF54C389C7FC9AA7ED2E600D4D92BCE230AF2E9A75497EDAFE79959226C0');
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	message_id VARCHAR(40) NOT NULL, 
	type VARCHAR(32) NOT NULL, 
	subject VARCHAR(160) NOT NULL, 
	data TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE payout (
	id VARCHAR(128) NOT NULL, 
	hold_id VARCHAR(255) NOT NULL, 
	user_id VARCHAR(128) NOT NULL, 
	amount_micros BIGINT NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	destination VARCHAR(128) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	version BIGINT NOT NULL, 
	attempt_count INTEGER NOT NULL, 
	decision_id VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, "provider" VARCHAR(64), "fee_micros" BIGINT, "fee_paid_by" VARCHAR(16), "bundle_micros" BIGINT, "due_at" BIGINT, "waits_for" VARCHAR(32), 
	PRIMARY KEY (id), 
	CONSTRAINT payout_spends_a_hold_once UNIQUE (hold_id), 
	CONSTRAINT payout_amount CHECK (amount_micros > 0), 
	FOREIGN KEY(hold_id) REFERENCES hold (id)
);
INSERT INTO "payout" VALUES('open','open','ann',100,'CNY','dest','held',2,0,NULL,10,10,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE payout_attempt (
	id VARCHAR(255) NOT NULL, 
	payout_id VARCHAR(128) NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	provider_key VARCHAR(64) NOT NULL, 
	outcome VARCHAR(16), 
	created_at BIGINT NOT NULL, 
	answered_at BIGINT, 
	provider_reference VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT payout_attempt_key UNIQUE (provider_key), 
	FOREIGN KEY(payout_id) REFERENCES payout (id)
);
CREATE TABLE reservation (
	id VARCHAR(255) NOT NULL, 
	cause_id VARCHAR(255) NOT NULL, 
	funder VARCHAR(255) NOT NULL, 
	value_micros BIGINT NOT NULL, 
	payer VARCHAR(255), 
	reward_micros BIGINT NOT NULL, 
	reserved_until BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	settled_by VARCHAR(128), 
	opened_at BIGINT NOT NULL, 
	resolved_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT reservation_value CHECK (value_micros >= 0 AND value_micros <= 9007199254740991), 
	CONSTRAINT reservation_reward CHECK (reward_micros >= 0 AND reward_micros <= 9007199254740991), 
	CONSTRAINT reservation_state CHECK (state IN ('open', 'settled', 'released')), 
	CONSTRAINT reservation_resolved CHECK ((state = 'open') = (resolved_at IS NULL)), 
	CONSTRAINT reservation_settled CHECK ((state = 'settled') = (settled_by IS NOT NULL)), 
	FOREIGN KEY(funder) REFERENCES account (id), 
	FOREIGN KEY(payer) REFERENCES account (id)
);
INSERT INTO "reservation" VALUES('r1','offer','budget:CNY:tea',40,'reward_budget:CNY:tea',20,99,'open',NULL,9,NULL);
CREATE TABLE reversal (
	outcome_id VARCHAR(128) NOT NULL, 
	event_id VARCHAR(128) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	asked_micros BIGINT, 
	from_pending_micros BIGINT NOT NULL, 
	from_available_micros BIGINT NOT NULL, 
	from_reserve_micros BIGINT NOT NULL, 
	revenue_returned_micros BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (outcome_id), 
	FOREIGN KEY(event_id) REFERENCES reward (event_id)
);
INSERT INTO "reversal" VALUES('o1','e2','quality',20,20,0,0,33,4);
CREATE TABLE reward (
	event_id VARCHAR(128) NOT NULL, 
	user_id VARCHAR(128) NOT NULL, 
	campaign_id VARCHAR(128), 
	partner_id VARCHAR(128), 
	funder VARCHAR(255) NOT NULL, 
	revenue_micros BIGINT NOT NULL, 
	revenue_returned_micros BIGINT NOT NULL, 
	reward_micros BIGINT NOT NULL, 
	reversed_micros BIGINT NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	matures_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	payer VARCHAR(255), "borne_micros" BIGINT, "final_at" BIGINT, 
	PRIMARY KEY (event_id), 
	CONSTRAINT reward_reversed CHECK (reversed_micros >= 0 AND reversed_micros <= reward_micros), 
	CONSTRAINT reward_revenue_returned CHECK (revenue_returned_micros >= 0 AND revenue_returned_micros <= revenue_micros)
);
INSERT INTO "reward" VALUES('e1','ann','tea','net','budget:CNY:tea',1000,0,600,0,'CNY','available',0,2,2,NULL,NULL,NULL);
INSERT INTO "reward" VALUES('e2','bob "b"','other','net','receivable:CNY:net',100,33,60,20,'CNY','pending',900,3,4,NULL,NULL,NULL);
CREATE TABLE shape (
	id INTEGER NOT NULL, 
	revision VARCHAR(32) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "shape" VALUES(1,'r0001','b844f211df16c3f8001932f105d9cc000a668ff49003e9d9eb98b10b91600219');
CREATE TABLE subject_key (
	owner VARCHAR(128) NOT NULL, 
	"key" BLOB NOT NULL, 
	made_at BIGINT NOT NULL, 
	PRIMARY KEY (owner)
);
INSERT INTO "subject_key" VALUES('ann',X'4CF9842DB468D186DC305464C6287C2049F337AC2B68491D968215940E966BA1',0);
INSERT INTO "subject_key" VALUES('bob "b"',X'2C5D5C318C06DB30F0E396D50D018D6B2DF321C53DB1252E789AA4E6EE436A29',0);
INSERT INTO "subject_key" VALUES('platform',X'419C44CE8B9A75CD6A92A4A79682E0A826B1FFA6B4EA85921E46A9C65D6839C8',0);
INSERT INTO "subject_key" VALUES('net',X'5E17F42A866838F3BEFE29115F0EF14A70031982629D9CEEF0C21C15B5F52CF0',0);
INSERT INTO "subject_key" VALUES('tea',X'6341ED19A23D0552DF805925961D115527926725BF4D1324485487E1674BF31E',0);
INSERT INTO "subject_key" VALUES('fake',X'55894263707FA2C001F467E362BF85C6B0E28D76D5A180755353FC3E52DB4F31',0);
CREATE TABLE transfer (
	sequence INTEGER NOT NULL, 
	id VARCHAR(255) NOT NULL, 
	debit BIGINT NOT NULL, 
	credit BIGINT NOT NULL, 
	amount_micros BIGINT NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	hold_id VARCHAR(255), 
	cause_id VARCHAR(255) NOT NULL, 
	effective_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	debit_before BIGINT NOT NULL, 
	credit_before BIGINT NOT NULL, 
	hash BLOB NOT NULL, 
	PRIMARY KEY (sequence), 
	CONSTRAINT transfer_once UNIQUE (id), 
	CONSTRAINT transfer_amount CHECK (amount_micros > 0 AND amount_micros <= 9007199254740991), 
	CONSTRAINT transfer_two_accounts CHECK (debit > 0 AND credit > 0 AND debit <> credit), 
	CONSTRAINT transfer_before CHECK (debit_before >= 0 AND debit_before < sequence AND credit_before >= 0 AND credit_before < sequence), 
	CONSTRAINT transfer_hash CHECK (length(hash) = 32)
);
INSERT INTO "transfer" VALUES(10,'d',2,1,5000,'deposit',NULL,'d',1,1,0,0,X'23E9379C35316EC4BAA839F5DC6F28073485E6EE85D6500BB5624CDC0EA17F6F');
INSERT INTO "transfer" VALUES(11,'alloc',7,6,3000,'allocation',NULL,'alloc',1,1,0,0,X'9FF367E119DF55B0894B0C86B619E9299F7085166E7F9D052C3FC4FACD5D76BE');
INSERT INTO "transfer" VALUES(12,'e1/revenue',1,5,1000,'revenue',NULL,'e1',2,2,10,0,X'B4245C9DEC85A5104FA6750AFC333765186363E4CDB261D80FB1BA733537CD79');
INSERT INTO "transfer" VALUES(13,'e1/reward',7,8,600,'reward',NULL,'e1',2,2,11,0,X'693AC213105D07EBAD4DD5346268F55A9C5160913853CCBF5B3AB5BB14C4C885');
INSERT INTO "transfer" VALUES(14,'e2/revenue',4,5,100,'revenue',NULL,'e2',3,3,0,12,X'E43C550950853CA4AFE054D11391BF475C8B1B40830B25A898DCF634C9676841');
INSERT INTO "transfer" VALUES(15,'e2/reward',7,9,60,'reward',NULL,'e2',3,3,13,0,X'F714530DC92BE57E492489EC5F20C97A46FB3DDD26F9A85BD5BD7D2C55E3E1D9');
INSERT INTO "transfer" VALUES(16,'o1/from_pending',9,7,20,'clawback',NULL,'o1',4,4,15,15,X'64B687F25702562213EC25D18AA7A19B601077ABCF423197B1027DC6869B8177');
INSERT INTO "transfer" VALUES(17,'o1/revenue_returned',5,4,33,'revenue_returned',NULL,'o1',4,4,14,14,X'627F4822B125BC659050FA450520F3CA3803A85B7D6457590EE55DBA41C11037');
INSERT INTO "transfer" VALUES(18,'taken/captured',8,3,150,'capture','taken','w-taken',6,6,13,0,X'FE24EC14F7845E9396D0EE392F405C72100E3A7C51E4692A518460D1717609E6');
INSERT INTO "transfer" VALUES(19,'taken/captured/reversed',3,8,150,'reversal',NULL,'returned',8,8,18,18,X'19465A820A49AF6CD5BC3F32DC6D7DCACF2979E5052866E4F53C2AE1A3D03994');
CREATE INDEX reward_of_user ON reward (user_id);
CREATE INDEX reward_due ON reward (state, matures_at);
CREATE INDEX reservation_due ON reservation (reserved_until) WHERE state = 'open';
CREATE TRIGGER reservation_refuses_insert BEFORE INSERT ON reservation WHEN EXISTS (SELECT 1 FROM reservation WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'a reservation is never replaced'); END;
CREATE TRIGGER reservation_refuses_update BEFORE UPDATE ON reservation WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.value_micros <> OLD.value_micros OR NEW.reward_micros <> OLD.reward_micros BEGIN SELECT RAISE(ABORT, 'a reservation resolves once and never changes'); END;
CREATE TRIGGER reservation_refuses_delete BEFORE DELETE ON reservation WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a reservation is never deleted: release it'); END;
CREATE INDEX reversal_of_reward ON reversal (event_id);
CREATE INDEX payout_in_state ON payout (state, updated_at);
CREATE INDEX payout_of_user ON payout (user_id);
CREATE INDEX payout_attempt_of_payout ON payout_attempt (payout_id);
CREATE INDEX account_of_kind ON account (kind, asset);
CREATE TRIGGER account_refuses_delete BEFORE DELETE ON account WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'an account is never deleted'); END;
CREATE TRIGGER account_refuses_update BEFORE UPDATE OF number, asset, exponent, kind, owner_digest ON account WHEN NEW.number <> OLD.number OR NEW.asset <> OLD.asset OR NEW.exponent <> OLD.exponent OR NEW.kind <> OLD.kind OR NEW.owner_digest <> OLD.owner_digest BEGIN SELECT RAISE(ABORT, 'an account stays what it was opened as'); END;
CREATE TRIGGER account_refuses_insert BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account WHERE number = NEW.number OR id = NEW.id) BEGIN SELECT RAISE(ABORT, 'an account is never replaced'); END;
CREATE TRIGGER transfer_refuses_update BEFORE UPDATE ON transfer WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a transfer is never edited: reverse it'); END;
CREATE TRIGGER transfer_refuses_delete BEFORE DELETE ON transfer WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a transfer is never deleted: reverse it'); END;
CREATE TRIGGER transfer_refuses_insert BEFORE INSERT ON transfer WHEN NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM transfer) BEGIN SELECT RAISE(ABORT, 'a transfer is never replaced: it comes after all others'); END;
CREATE TRIGGER transfer_refuses_unknown BEFORE INSERT ON transfer WHEN (NEW.debit <> 0 AND NOT EXISTS (SELECT 1 FROM account WHERE number = NEW.debit)) OR (NEW.credit <> 0 AND NOT EXISTS (SELECT 1 FROM account WHERE number = NEW.credit)) BEGIN SELECT RAISE(ABORT, 'a transfer moves between accounts that exist'); END;
CREATE INDEX ledger_event_of_account ON ledger_event (account, sequence);
CREATE TRIGGER ledger_event_refuses_update BEFORE UPDATE ON ledger_event WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'an event of the book is never edited: reverse it'); END;
CREATE TRIGGER ledger_event_refuses_delete BEFORE DELETE ON ledger_event WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'an event of the book is never deleted: reverse it'); END;
CREATE TRIGGER ledger_event_refuses_insert BEFORE INSERT ON ledger_event WHEN NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM ledger_event) BEGIN SELECT RAISE(ABORT, 'an event of the book is never replaced: it comes after all others'); END;
CREATE TRIGGER ledger_event_refuses_unknown BEFORE INSERT ON ledger_event WHEN (NEW.account <> 0 AND NOT EXISTS (SELECT 1 FROM account WHERE number = NEW.account)) BEGIN SELECT RAISE(ABORT, 'an event of the book speaks of an account that exists'); END;
CREATE TRIGGER ledger_head_refuses_delete BEFORE DELETE ON ledger_head WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'the head of the chain is never deleted'); END;
CREATE TRIGGER ledger_head_refuses_update BEFORE UPDATE ON ledger_head WHEN NEW.sequence <= OLD.sequence BEGIN SELECT RAISE(ABORT, 'the head of the chain only moves forward'); END;
CREATE TRIGGER ledger_head_refuses_insert BEFORE INSERT ON ledger_head WHEN EXISTS (SELECT 1 FROM ledger_head WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the head of the chain is never replaced'); END;
CREATE INDEX hold_of_account ON hold (account, state);
CREATE INDEX hold_due ON hold (expires_at) WHERE state = 'open' AND expires_at IS NOT NULL;
CREATE TRIGGER hold_refuses_insert BEFORE INSERT ON hold WHEN EXISTS (SELECT 1 FROM hold WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'a hold is never replaced'); END;
CREATE TRIGGER hold_refuses_update BEFORE UPDATE ON hold WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.account <> OLD.account OR NEW.amount_micros <> OLD.amount_micros OR NEW.cause_id <> OLD.cause_id OR NEW.opened_at <> OLD.opened_at OR coalesce(NEW.expires_at, -1) <> coalesce(OLD.expires_at, -1) BEGIN SELECT RAISE(ABORT, 'a hold resolves once and never changes'); END;
CREATE TRIGGER hold_refuses_delete BEFORE DELETE ON hold WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a hold is never deleted: release it'); END;
CREATE INDEX change_by_age ON change (numbered_at, sequence);
CREATE UNIQUE INDEX change_of_subject ON change (subject, subject_sequence);
CREATE INDEX change_subject_waits ON change_subject (failures, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX reward_recorded ON reward (recorded_at);
CREATE INDEX payout_due ON payout (provider, state, due_at) WHERE due_at IS NOT NULL;
COMMIT;
