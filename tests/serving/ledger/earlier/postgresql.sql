SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.assay_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    id character varying(255) NOT NULL,
    asset character varying(3) NOT NULL,
    exponent integer NOT NULL,
    kind character varying(32) NOT NULL,
    owner character varying(128) NOT NULL,
    posted bigint NOT NULL,
    pending_out bigint NOT NULL,
    min_available bigint,
    version bigint NOT NULL,
    CONSTRAINT account_available CHECK (((min_available IS NULL) OR ((posted - pending_out) >= min_available))),
    CONSTRAINT account_pending_out CHECK ((pending_out >= 0))
);
CREATE TABLE public.hold (
    id character varying(255) NOT NULL,
    account character varying(255) NOT NULL,
    asset character varying(3) NOT NULL,
    amount_micros bigint NOT NULL,
    state character varying(16) NOT NULL,
    cause_id character varying(255) NOT NULL,
    opened_at bigint NOT NULL,
    resolved_at bigint,
    CONSTRAINT hold_amount CHECK (((amount_micros > 0) AND (amount_micros <= '9007199254740991'::bigint))),
    CONSTRAINT hold_resolved CHECK ((((state)::text = 'open'::text) = (resolved_at IS NULL))),
    CONSTRAINT hold_state CHECK (((state)::text = ANY ((ARRAY['open'::character varying, 'captured'::character varying, 'released'::character varying])::text[])))
);
CREATE TABLE public.payout (
    id character varying(128) NOT NULL,
    hold_id character varying(255) NOT NULL,
    user_id character varying(128) NOT NULL,
    amount_micros bigint NOT NULL,
    currency character varying(3) NOT NULL,
    destination character varying(128) NOT NULL,
    state character varying(16) NOT NULL,
    version bigint NOT NULL,
    attempt_count integer NOT NULL,
    decision_id character varying(255),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT payout_amount CHECK ((amount_micros > 0))
);
CREATE TABLE public.payout_attempt (
    id character varying(255) NOT NULL,
    payout_id character varying(128) NOT NULL,
    provider character varying(64) NOT NULL,
    provider_key character varying(64) NOT NULL,
    outcome character varying(16),
    created_at bigint NOT NULL,
    answered_at bigint,
    provider_reference character varying(255)
);
CREATE TABLE public.reservation (
    id character varying(255) NOT NULL,
    cause_id character varying(255) NOT NULL,
    funder character varying(255) NOT NULL,
    value_micros bigint NOT NULL,
    payer character varying(255),
    reward_micros bigint NOT NULL,
    reserved_until bigint NOT NULL,
    state character varying(16) NOT NULL,
    settled_by character varying(128),
    opened_at bigint NOT NULL,
    resolved_at bigint,
    CONSTRAINT reservation_resolved CHECK ((((state)::text = 'open'::text) = (resolved_at IS NULL))),
    CONSTRAINT reservation_reward CHECK (((reward_micros >= 0) AND (reward_micros <= '9007199254740991'::bigint))),
    CONSTRAINT reservation_settled CHECK ((((state)::text = 'settled'::text) = (settled_by IS NOT NULL))),
    CONSTRAINT reservation_state CHECK (((state)::text = ANY ((ARRAY['open'::character varying, 'settled'::character varying, 'released'::character varying])::text[]))),
    CONSTRAINT reservation_value CHECK (((value_micros >= 0) AND (value_micros <= '9007199254740991'::bigint)))
);
CREATE TABLE public.reversal (
    outcome_id character varying(128) NOT NULL,
    event_id character varying(128) NOT NULL,
    reason character varying(32) NOT NULL,
    asked_micros bigint,
    from_pending_micros bigint NOT NULL,
    from_available_micros bigint NOT NULL,
    from_reserve_micros bigint NOT NULL,
    revenue_returned_micros bigint NOT NULL,
    recorded_at bigint NOT NULL
);
CREATE TABLE public.reward (
    event_id character varying(128) NOT NULL,
    user_id character varying(128) NOT NULL,
    campaign_id character varying(128),
    partner_id character varying(128),
    funder character varying(255) NOT NULL,
    revenue_micros bigint NOT NULL,
    revenue_returned_micros bigint NOT NULL,
    reward_micros bigint NOT NULL,
    reversed_micros bigint NOT NULL,
    currency character varying(3) NOT NULL,
    state character varying(16) NOT NULL,
    matures_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    payer character varying(255),
    CONSTRAINT reward_revenue_returned CHECK (((revenue_returned_micros >= 0) AND (revenue_returned_micros <= revenue_micros))),
    CONSTRAINT reward_reversed CHECK (((reversed_micros >= 0) AND (reversed_micros <= reward_micros)))
);
CREATE TABLE public.transfer (
    sequence bigint NOT NULL,
    id character varying(255) NOT NULL,
    debit character varying(255) NOT NULL,
    credit character varying(255) NOT NULL,
    amount_micros bigint NOT NULL,
    asset character varying(3) NOT NULL,
    kind character varying(32) NOT NULL,
    hold_id character varying(255),
    cause_id character varying(255) NOT NULL,
    effective_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    CONSTRAINT transfer_amount CHECK (((amount_micros > 0) AND (amount_micros <= '9007199254740991'::bigint))),
    CONSTRAINT transfer_two_accounts CHECK (((debit)::text <> (credit)::text))
);
CREATE SEQUENCE public.transfer_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.transfer_sequence_seq OWNED BY public.transfer.sequence;
ALTER TABLE ONLY public.transfer ALTER COLUMN sequence SET DEFAULT nextval('public.transfer_sequence_seq'::regclass);
INSERT INTO public.account VALUES ('cash:CNY:platform', 'CNY', 2, 'cash', 'platform', -5000, 0, NULL, 1);
INSERT INTO public.account VALUES ('receivable:CNY:net', 'CNY', 2, 'receivable', 'net', -67, 0, -10000, 3);
INSERT INTO public.account VALUES ('revenue:CNY:platform', 'CNY', 2, 'revenue', 'platform', 1067, 0, NULL, 3);
INSERT INTO public.account VALUES ('reward_expense:CNY:platform', 'CNY', 2, 'reward_expense', 'platform', -3640, 0, NULL, 4);
INSERT INTO public.account VALUES ('wallet_pending:CNY:bob "b"', 'CNY', 2, 'wallet_pending', 'bob "b"', 40, 0, 0, 2);
INSERT INTO public.account VALUES ('clearing:CNY:fake', 'CNY', 2, 'clearing', 'fake', 0, 0, 0, 2);
INSERT INTO public.account VALUES ('wallet_available:CNY:ann', 'CNY', 2, 'wallet_available', 'ann', 600, 100, 0, 7);
INSERT INTO public.account VALUES ('budget:CNY:tea', 'CNY', 2, 'budget', 'tea', 4000, 40, 0, 3);
INSERT INTO public.account VALUES ('reward_budget:CNY:tea', 'CNY', 2, 'reward_budget', 'tea', 3000, 20, 0, 2);
INSERT INTO public.hold VALUES ('open', 'wallet_available:CNY:ann', 'CNY', 100, 'open', 'w-open', 5, NULL);
INSERT INTO public.hold VALUES ('taken', 'wallet_available:CNY:ann', 'CNY', 150, 'captured', 'w-taken', 5, 6);
INSERT INTO public.hold VALUES ('freed', 'wallet_available:CNY:ann', 'CNY', 50, 'released', 'w-freed', 5, 7);
INSERT INTO public.payout VALUES ('open', 'open', 'ann', 100, 'CNY', 'dest', 'held', 2, 0, NULL, 10, 10);
INSERT INTO public.reservation VALUES ('r1', 'offer', 'budget:CNY:tea', 40, 'reward_budget:CNY:tea', 20, 99, 'open', NULL, 9, NULL);
INSERT INTO public.reversal VALUES ('o1', 'e2', 'quality', 20, 20, 0, 0, 33, 4);
INSERT INTO public.reward VALUES ('e1', 'ann', 'tea', 'net', 'budget:CNY:tea', 1000, 0, 600, 0, 'CNY', 'available', 0, 2, 2, NULL);
INSERT INTO public.reward VALUES ('e2', 'bob "b"', 'other', 'net', 'receivable:CNY:net', 100, 33, 60, 20, 'CNY', 'pending', 900, 3, 4, NULL);
INSERT INTO public.transfer VALUES (1, 'd', 'cash:CNY:platform', 'budget:CNY:tea', 5000, 'CNY', 'deposit', NULL, 'd', 1, 1);
INSERT INTO public.transfer VALUES (2, 'alloc', 'reward_expense:CNY:platform', 'reward_budget:CNY:tea', 3000, 'CNY', 'allocation', NULL, 'alloc', 1, 1);
INSERT INTO public.transfer VALUES (3, 'e1/revenue', 'budget:CNY:tea', 'revenue:CNY:platform', 1000, 'CNY', 'revenue', NULL, 'e1', 2, 2);
INSERT INTO public.transfer VALUES (4, 'e1/reward', 'reward_expense:CNY:platform', 'wallet_available:CNY:ann', 600, 'CNY', 'reward', NULL, 'e1', 2, 2);
INSERT INTO public.transfer VALUES (5, 'e2/revenue', 'receivable:CNY:net', 'revenue:CNY:platform', 100, 'CNY', 'revenue', NULL, 'e2', 3, 3);
INSERT INTO public.transfer VALUES (6, 'e2/reward', 'reward_expense:CNY:platform', 'wallet_pending:CNY:bob "b"', 60, 'CNY', 'reward', NULL, 'e2', 3, 3);
INSERT INTO public.transfer VALUES (7, 'o1/from_pending', 'wallet_pending:CNY:bob "b"', 'reward_expense:CNY:platform', 20, 'CNY', 'clawback', NULL, 'o1', 4, 4);
INSERT INTO public.transfer VALUES (8, 'o1/revenue_returned', 'revenue:CNY:platform', 'receivable:CNY:net', 33, 'CNY', 'revenue_returned', NULL, 'o1', 4, 4);
INSERT INTO public.transfer VALUES (9, 'taken/captured', 'wallet_available:CNY:ann', 'clearing:CNY:fake', 150, 'CNY', 'capture', 'taken', 'w-taken', 6, 6);
INSERT INTO public.transfer VALUES (10, 'taken/captured/reversed', 'clearing:CNY:fake', 'wallet_available:CNY:ann', 150, 'CNY', 'reversal', NULL, 'returned', 8, 8);
SELECT pg_catalog.setval('public.transfer_sequence_seq', 10, true);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.payout_attempt
    ADD CONSTRAINT payout_attempt_key UNIQUE (provider_key);
ALTER TABLE ONLY public.payout_attempt
    ADD CONSTRAINT payout_attempt_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_spends_a_hold_once UNIQUE (hold_id);
ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.reversal
    ADD CONSTRAINT reversal_pkey PRIMARY KEY (outcome_id);
ALTER TABLE ONLY public.reward
    ADD CONSTRAINT reward_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_once UNIQUE (id);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (sequence);
CREATE INDEX account_of_kind ON public.account USING btree (kind, asset);
CREATE INDEX hold_of_account ON public.hold USING btree (account, state);
CREATE INDEX payout_attempt_of_payout ON public.payout_attempt USING btree (payout_id);
CREATE INDEX payout_in_state ON public.payout USING btree (state, updated_at);
CREATE INDEX payout_of_user ON public.payout USING btree (user_id);
CREATE INDEX reservation_due ON public.reservation USING btree (reserved_until) WHERE ((state)::text = 'open'::text);
CREATE INDEX reversal_of_reward ON public.reversal USING btree (event_id);
CREATE INDEX reward_due ON public.reward USING btree (state, matures_at);
CREATE INDEX reward_of_user ON public.reward USING btree (user_id);
CREATE INDEX transfer_of_credit ON public.transfer USING btree (credit, sequence);
CREATE INDEX transfer_of_debit ON public.transfer USING btree (debit, sequence);
CREATE TRIGGER hold_refuses_delete BEFORE DELETE ON public.hold FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a hold is never deleted: release it');
CREATE TRIGGER hold_refuses_truncate BEFORE TRUNCATE ON public.hold FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('a hold is never deleted: release it');
CREATE TRIGGER hold_refuses_update BEFORE UPDATE ON public.hold FOR EACH ROW WHEN ((((old.state)::text <> 'open'::text) OR ((new.id)::text <> (old.id)::text) OR ((new.account)::text <> (old.account)::text) OR (new.amount_micros <> old.amount_micros))) EXECUTE FUNCTION public.assay_refuse('a hold resolves once and never changes');
CREATE TRIGGER reservation_refuses_delete BEFORE DELETE ON public.reservation FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a reservation is never deleted: release it');
CREATE TRIGGER reservation_refuses_truncate BEFORE TRUNCATE ON public.reservation FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('a reservation is never deleted: release it');
CREATE TRIGGER reservation_refuses_update BEFORE UPDATE ON public.reservation FOR EACH ROW WHEN ((((old.state)::text <> 'open'::text) OR ((new.id)::text <> (old.id)::text) OR (new.value_micros <> old.value_micros) OR (new.reward_micros <> old.reward_micros))) EXECUTE FUNCTION public.assay_refuse('a reservation resolves once and never changes');
CREATE TRIGGER transfer_refuses_delete BEFORE DELETE ON public.transfer FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a transfer is never deleted: reverse it');
CREATE TRIGGER transfer_refuses_truncate BEFORE TRUNCATE ON public.transfer FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('a transfer is never deleted: reverse it');
CREATE TRIGGER transfer_refuses_update BEFORE UPDATE ON public.transfer FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a transfer is never edited: reverse it');
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_account_fkey FOREIGN KEY (account) REFERENCES public.account(id);
ALTER TABLE ONLY public.payout_attempt
    ADD CONSTRAINT payout_attempt_payout_id_fkey FOREIGN KEY (payout_id) REFERENCES public.payout(id);
ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.hold(id);
ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_funder_fkey FOREIGN KEY (funder) REFERENCES public.account(id);
ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_payer_fkey FOREIGN KEY (payer) REFERENCES public.account(id);
ALTER TABLE ONLY public.reversal
    ADD CONSTRAINT reversal_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.reward(event_id);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_credit_fkey FOREIGN KEY (credit) REFERENCES public.account(id);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_debit_fkey FOREIGN KEY (debit) REFERENCES public.account(id);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.hold(id);
