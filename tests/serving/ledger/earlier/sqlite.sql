BEGIN TRANSACTION;
CREATE TABLE account (
	id VARCHAR(255) NOT NULL, 
	asset VARCHAR(3) NOT NULL, 
	exponent INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	owner VARCHAR(128) NOT NULL, 
	posted BIGINT NOT NULL, 
	pending_out BIGINT NOT NULL, 
	min_available BIGINT, 
	version BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT account_available CHECK (min_available IS NULL OR posted - pending_out >= min_available), 
	CONSTRAINT account_pending_out CHECK (pending_out >= 0)
);
INSERT INTO "account" VALUES('budget:CNY:tea','CNY',2,'budget','tea',4000,40,0,3);
INSERT INTO "account" VALUES('cash:CNY:platform','CNY',2,'cash','platform',-5000,0,NULL,1);
INSERT INTO "account" VALUES('reward_budget:CNY:tea','CNY',2,'reward_budget','tea',3000,20,0,2);
INSERT INTO "account" VALUES('reward_expense:CNY:platform','CNY',2,'reward_expense','platform',-3640,0,NULL,4);
INSERT INTO "account" VALUES('revenue:CNY:platform','CNY',2,'revenue','platform',1067,0,NULL,3);
INSERT INTO "account" VALUES('wallet_available:CNY:ann','CNY',2,'wallet_available','ann',600,100,0,7);
INSERT INTO "account" VALUES('receivable:CNY:net','CNY',2,'receivable','net',-67,0,-10000,3);
INSERT INTO "account" VALUES('wallet_pending:CNY:bob "b"','CNY',2,'wallet_pending','bob "b"',40,0,0,2);
INSERT INTO "account" VALUES('clearing:CNY:fake','CNY',2,'clearing','fake',0,0,0,2);
CREATE TABLE hold (
	id VARCHAR(255) NOT NULL, 
	account VARCHAR(255) NOT NULL, 
	asset VARCHAR(3) NOT NULL, 
	amount_micros BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	cause_id VARCHAR(255) NOT NULL, 
	opened_at BIGINT NOT NULL, 
	resolved_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT hold_amount CHECK (amount_micros > 0 AND amount_micros <= 9007199254740991), 
	CONSTRAINT hold_state CHECK (state IN ('open', 'captured', 'released')), 
	CONSTRAINT hold_resolved CHECK ((state = 'open') = (resolved_at IS NULL)), 
	FOREIGN KEY(account) REFERENCES account (id)
);
INSERT INTO "hold" VALUES('open','wallet_available:CNY:ann','CNY',100,'open','w-open',5,NULL);
INSERT INTO "hold" VALUES('taken','wallet_available:CNY:ann','CNY',150,'captured','w-taken',5,6);
INSERT INTO "hold" VALUES('freed','wallet_available:CNY:ann','CNY',50,'released','w-freed',5,7);
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
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT payout_spends_a_hold_once UNIQUE (hold_id), 
	CONSTRAINT payout_amount CHECK (amount_micros > 0), 
	FOREIGN KEY(hold_id) REFERENCES hold (id)
);
INSERT INTO "payout" VALUES('open','open','ann',100,'CNY','dest','held',2,0,NULL,10,10);
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
	payer VARCHAR(255), 
	PRIMARY KEY (event_id), 
	CONSTRAINT reward_reversed CHECK (reversed_micros >= 0 AND reversed_micros <= reward_micros), 
	CONSTRAINT reward_revenue_returned CHECK (revenue_returned_micros >= 0 AND revenue_returned_micros <= revenue_micros)
);
INSERT INTO "reward" VALUES('e1','ann','tea','net','budget:CNY:tea',1000,0,600,0,'CNY','available',0,2,2,NULL);
INSERT INTO "reward" VALUES('e2','bob "b"','other','net','receivable:CNY:net',100,33,60,20,'CNY','pending',900,3,4,NULL);
CREATE TABLE transfer (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(255) NOT NULL, 
	debit VARCHAR(255) NOT NULL, 
	credit VARCHAR(255) NOT NULL, 
	amount_micros BIGINT NOT NULL, 
	asset VARCHAR(3) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	hold_id VARCHAR(255), 
	cause_id VARCHAR(255) NOT NULL, 
	effective_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	CONSTRAINT transfer_once UNIQUE (id), 
	CONSTRAINT transfer_amount CHECK (amount_micros > 0 AND amount_micros <= 9007199254740991), 
	CONSTRAINT transfer_two_accounts CHECK (debit <> credit), 
	FOREIGN KEY(debit) REFERENCES account (id), 
	FOREIGN KEY(credit) REFERENCES account (id), 
	FOREIGN KEY(hold_id) REFERENCES hold (id)
);
INSERT INTO "transfer" VALUES(1,'d','cash:CNY:platform','budget:CNY:tea',5000,'CNY','deposit',NULL,'d',1,1);
INSERT INTO "transfer" VALUES(2,'alloc','reward_expense:CNY:platform','reward_budget:CNY:tea',3000,'CNY','allocation',NULL,'alloc',1,1);
INSERT INTO "transfer" VALUES(3,'e1/revenue','budget:CNY:tea','revenue:CNY:platform',1000,'CNY','revenue',NULL,'e1',2,2);
INSERT INTO "transfer" VALUES(4,'e1/reward','reward_expense:CNY:platform','wallet_available:CNY:ann',600,'CNY','reward',NULL,'e1',2,2);
INSERT INTO "transfer" VALUES(5,'e2/revenue','receivable:CNY:net','revenue:CNY:platform',100,'CNY','revenue',NULL,'e2',3,3);
INSERT INTO "transfer" VALUES(6,'e2/reward','reward_expense:CNY:platform','wallet_pending:CNY:bob "b"',60,'CNY','reward',NULL,'e2',3,3);
INSERT INTO "transfer" VALUES(7,'o1/from_pending','wallet_pending:CNY:bob "b"','reward_expense:CNY:platform',20,'CNY','clawback',NULL,'o1',4,4);
INSERT INTO "transfer" VALUES(8,'o1/revenue_returned','revenue:CNY:platform','receivable:CNY:net',33,'CNY','revenue_returned',NULL,'o1',4,4);
INSERT INTO "transfer" VALUES(9,'taken/captured','wallet_available:CNY:ann','clearing:CNY:fake',150,'CNY','capture','taken','w-taken',6,6);
INSERT INTO "transfer" VALUES(10,'taken/captured/reversed','clearing:CNY:fake','wallet_available:CNY:ann',150,'CNY','reversal',NULL,'returned',8,8);
CREATE INDEX account_of_kind ON account (kind, asset);
CREATE INDEX reward_of_user ON reward (user_id);
CREATE INDEX reward_due ON reward (state, matures_at);
CREATE INDEX hold_of_account ON hold (account, state);
CREATE TRIGGER hold_refuses_insert BEFORE INSERT ON hold WHEN EXISTS (SELECT 1 FROM hold WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'a hold is never replaced'); END;
CREATE TRIGGER hold_refuses_update BEFORE UPDATE ON hold WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.account <> OLD.account OR NEW.amount_micros <> OLD.amount_micros BEGIN SELECT RAISE(ABORT, 'a hold resolves once and never changes'); END;
CREATE TRIGGER hold_refuses_delete BEFORE DELETE ON hold WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a hold is never deleted: release it'); END;
CREATE INDEX reservation_due ON reservation (reserved_until) WHERE state = 'open';
CREATE TRIGGER reservation_refuses_insert BEFORE INSERT ON reservation WHEN EXISTS (SELECT 1 FROM reservation WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'a reservation is never replaced'); END;
CREATE TRIGGER reservation_refuses_update BEFORE UPDATE ON reservation WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.value_micros <> OLD.value_micros OR NEW.reward_micros <> OLD.reward_micros BEGIN SELECT RAISE(ABORT, 'a reservation resolves once and never changes'); END;
CREATE TRIGGER reservation_refuses_delete BEFORE DELETE ON reservation WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a reservation is never deleted: release it'); END;
CREATE INDEX reversal_of_reward ON reversal (event_id);
CREATE INDEX transfer_of_debit ON transfer (debit, sequence);
CREATE INDEX transfer_of_credit ON transfer (credit, sequence);
CREATE TRIGGER transfer_refuses_insert BEFORE INSERT ON transfer WHEN EXISTS (SELECT 1 FROM transfer WHERE id = NEW.id OR sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'a transfer is never replaced: reverse it'); END;
CREATE TRIGGER transfer_refuses_update BEFORE UPDATE ON transfer WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a transfer is never edited: reverse it'); END;
CREATE TRIGGER transfer_refuses_delete BEFORE DELETE ON transfer WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a transfer is never deleted: reverse it'); END;
CREATE INDEX payout_in_state ON payout (state, updated_at);
CREATE INDEX payout_of_user ON payout (user_id);
CREATE INDEX payout_attempt_of_payout ON payout_attempt (payout_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('transfer',10);
COMMIT;
