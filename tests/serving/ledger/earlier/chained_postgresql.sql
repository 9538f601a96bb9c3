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
CREATE FUNCTION public.ledger_event_refuses_unknown() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM fresh WHERE (fresh.account <> 0 AND NOT EXISTS (SELECT 1 FROM account WHERE number = fresh.account))) THEN RAISE EXCEPTION USING MESSAGE = 'an event of the book speaks of an account that exists', ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.transfer_refuses_unknown() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM fresh WHERE (fresh.debit <> 0 AND NOT EXISTS (SELECT 1 FROM account WHERE number = fresh.debit)) OR (fresh.credit <> 0 AND NOT EXISTS (SELECT 1 FROM account WHERE number = fresh.credit))) THEN RAISE EXCEPTION USING MESSAGE = 'a transfer moves between accounts that exist', ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NULL; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    number bigint NOT NULL,
    id character varying(255) NOT NULL,
    asset character varying(3) NOT NULL,
    exponent integer NOT NULL,
    kind character varying(32) NOT NULL,
    owner character varying(128) NOT NULL,
    owner_digest bytea NOT NULL,
    owner_sealed bytea,
    posted bigint NOT NULL,
    pending_out bigint NOT NULL,
    min_available bigint,
    last bigint NOT NULL,
    CONSTRAINT account_available CHECK (((min_available IS NULL) OR ((posted - pending_out) >= min_available))),
    CONSTRAINT account_countable CHECK (((posted >= '-4611686018427387904'::bigint) AND (posted <= '4611686018427387904'::bigint))),
    CONSTRAINT account_exponent CHECK (((exponent >= 0) AND (exponent <= 6))),
    CONSTRAINT account_owner_digest CHECK ((length(owner_digest) = 32)),
    CONSTRAINT account_pending_out CHECK ((pending_out >= 0))
)
WITH (fillfactor='50');
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.change (
    sequence bigint NOT NULL,
    message_id character varying(40) NOT NULL,
    type character varying(32) NOT NULL,
    subject character varying(160) NOT NULL,
    subject_sequence bigint NOT NULL,
    data text NOT NULL,
    at bigint NOT NULL,
    numbered_at bigint NOT NULL
);
CREATE TABLE public.change_head (
    id integer NOT NULL,
    sequence bigint NOT NULL,
    pruned bigint NOT NULL
);
CREATE SEQUENCE public.change_head_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.change_head_id_seq OWNED BY public.change_head.id;
CREATE TABLE public.change_subject (
    subject character varying(160) NOT NULL,
    sequence bigint NOT NULL,
    delivered bigint NOT NULL,
    failures integer NOT NULL,
    next_at bigint
);
CREATE TABLE public.exposure (
    partner_id character varying(128) NOT NULL,
    currency character varying(3) NOT NULL,
    day integer NOT NULL,
    micros bigint NOT NULL
);
CREATE TABLE public.hold (
    id character varying(255) NOT NULL,
    account bigint NOT NULL,
    amount_micros bigint NOT NULL,
    state character varying(16) NOT NULL,
    cause_id character varying(255) NOT NULL,
    opened_at bigint NOT NULL,
    resolved_at bigint,
    expires_at bigint,
    captured_micros bigint DEFAULT 0 NOT NULL,
    CONSTRAINT hold_amount CHECK (((amount_micros > 0) AND (amount_micros <= '9007199254740991'::bigint))),
    CONSTRAINT hold_captured CHECK ((((state)::text = 'captured'::text) = (captured_micros > 0))),
    CONSTRAINT hold_captured_part CHECK (((captured_micros >= 0) AND (captured_micros <= amount_micros))),
    CONSTRAINT hold_expires CHECK (((expires_at IS NULL) OR (expires_at > opened_at))),
    CONSTRAINT hold_resolved CHECK ((((state)::text = 'open'::text) = (resolved_at IS NULL))),
    CONSTRAINT hold_state CHECK (((state)::text = ANY ((ARRAY['open'::character varying, 'captured'::character varying, 'released'::character varying])::text[])))
);
CREATE TABLE public.ledger_event (
    sequence bigint NOT NULL,
    kind character varying(24) NOT NULL,
    account bigint NOT NULL,
    micros bigint,
    at bigint NOT NULL,
    body text NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT ledger_event_hash CHECK ((length(hash) = 32))
);
CREATE TABLE public.ledger_head (
    id integer NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT ledger_head_hash CHECK ((length(hash) = 32)),
    CONSTRAINT ledger_head_one CHECK ((id = 1))
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    message_id character varying(40) NOT NULL,
    type character varying(32) NOT NULL,
    subject character varying(160) NOT NULL,
    data text NOT NULL,
    at bigint NOT NULL
);
CREATE SEQUENCE public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
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
    provider character varying(64),
    fee_micros bigint,
    fee_paid_by character varying(16),
    bundle_micros bigint,
    due_at bigint,
    waits_for character varying(32),
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
    CONSTRAINT reservation_state CHECK (((state)::text = ANY (ARRAY[('open'::character varying)::text, ('settled'::character varying)::text, ('released'::character varying)::text]))),
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
    borne_micros bigint,
    final_at bigint,
    CONSTRAINT reward_revenue_returned CHECK (((revenue_returned_micros >= 0) AND (revenue_returned_micros <= revenue_micros))),
    CONSTRAINT reward_reversed CHECK (((reversed_micros >= 0) AND (reversed_micros <= reward_micros)))
);
CREATE TABLE public.shape (
    id integer NOT NULL,
    revision character varying(32) NOT NULL,
    digest character varying(64) NOT NULL
);
CREATE TABLE public.subject_key (
    owner character varying(128) NOT NULL,
    key bytea NOT NULL,
    made_at bigint NOT NULL
);
CREATE TABLE public.transfer (
    sequence bigint NOT NULL,
    id character varying(255) NOT NULL,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    amount_micros bigint NOT NULL,
    kind character varying(24) NOT NULL,
    hold_id character varying(255),
    cause_id character varying(255) NOT NULL,
    effective_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    debit_before bigint NOT NULL,
    credit_before bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT transfer_amount CHECK (((amount_micros > 0) AND (amount_micros <= '9007199254740991'::bigint))),
    CONSTRAINT transfer_before CHECK (((debit_before >= 0) AND (debit_before < sequence) AND (credit_before >= 0) AND (credit_before < sequence))),
    CONSTRAINT transfer_hash CHECK ((length(hash) = 32)),
    CONSTRAINT transfer_two_accounts CHECK (((debit > 0) AND (credit > 0) AND (debit <> credit)))
);
ALTER TABLE ONLY public.change_head ALTER COLUMN id SET DEFAULT nextval('public.change_head_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
INSERT INTO public.account VALUES (1, 'budget:CNY:tea', 'CNY', 2, 'budget', 'tea', '\x1ba0df7013fb9573e5af56c878486cad9312d18ae8ea36da7eb72e10155cc565', '\x731ae4b0f3b04c3f0e3995992be8f2e55f88e3e625490ac057a42a4d6ea13dbf1bd96ad62bb6e1309d4f90bce05d0d0e3697a7ee37c66e2564716de73e6a0a', 4000, 40, 0, 12);
INSERT INTO public.account VALUES (2, 'cash:CNY:platform', 'CNY', 2, 'cash', 'platform', '\x0949a0c0d30cd16275a6fc2ef2708ca72a7004125945367ce5cac138fd9a42f7', '\xa76f7128219a4d3a375a2ee39f4aedda3b37dc555fe3eb093ded886be37e84f32cd198152bd1c655cd135010744ef55e9bde6c9dfeff41fdad322a44adfeaa68d567a805', -5000, 0, NULL, 10);
INSERT INTO public.account VALUES (3, 'clearing:CNY:fake', 'CNY', 2, 'clearing', 'fake', '\x875efbcad42e0f789cc90cc3ced820ac165c57484bb30f430102b65219f1edee', '\x56560acb363be335c85c7a0e19ba8e87a36d48f030e21e57123e37ec9f50df15884b32438ae9280f05d99c2ba95e929f319970f35d5fef625c082681a8c579a8', 0, 0, 0, 19);
INSERT INTO public.account VALUES (4, 'receivable:CNY:net', 'CNY', 2, 'receivable', 'net', '\x5392ac07cdec20b50ceb3ee3e343d128d4b44ac8e537f186c7dd74f4251116a9', '\x3f89e6087fc634ce62fb875b4d6fe698adfe7b107fa974838d76e9c9b2016b16bce09650992498355a038b91bbb27b67a3c84a7df5bc2ab4e74dd7c73a6b3f', -67, 0, -10000, 17);
INSERT INTO public.account VALUES (5, 'revenue:CNY:platform', 'CNY', 2, 'revenue', 'platform', '\xb33cdf15196eff205c5898695153059a2f4d9462cd44f9c4978d331151da05ea', '\xa76f7128219a4d3a375a2ee39f4aedda3b37dc555fe3eb093ded886be37e84f35fc70e5f95a40989d5c6819d022a47cc8ac100c058ee191627a2f375712496c3bcd9a254', 1067, 0, NULL, 17);
INSERT INTO public.account VALUES (6, 'reward_budget:CNY:tea', 'CNY', 2, 'reward_budget', 'tea', '\x2e99910bd95f82438957bc4d3943679fd97b20eefc1500f5637d873306950c30', '\x731ae4b0f3b04c3f0e3995992be8f2e55f88e3e625490ac057a42a4d6ea13dbf8aa6286018a5ab4c23f4b50507505401f2f1f869e3c9e2e5cef0d069fb761e', 3000, 20, 0, 11);
INSERT INTO public.account VALUES (7, 'reward_expense:CNY:platform', 'CNY', 2, 'reward_expense', 'platform', '\xeebcccd5f0d01e896e295dc47e2b16557c8be2a4a2dabf72f26321c226d87d1d', '\xa76f7128219a4d3a375a2ee39f4aedda3b37dc555fe3eb093ded886be37e84f37075b8a141adf7f4f4858c2ba6c4af130bff2c5089f13afa089addc0d495ce922f0a3229', -3640, 0, NULL, 16);
INSERT INTO public.account VALUES (8, 'wallet_available:CNY:ann', 'CNY', 2, 'wallet_available', 'ann', '\x7d4829c388307478b502168382d3a7f966b80a77003e73711a548c9a985806a2', '\x8fbbfa1282c66515e58f9a6b573ed2d59ed6e0ada11b3beec7cb5f6195c80195bb2bdc3394ddba8015c490810263fd374299de178f91e30afc4f5b71a09c4a', 600, 100, 0, 19);
INSERT INTO public.account VALUES (9, 'wallet_pending:CNY:bob "b"', 'CNY', 2, 'wallet_pending', 'bob "b"', '\xf54dc76c6f28fc50e52dd1d35c8f94298d5538dee5ee5800ab33312dff756e6a', '\xc5e3f2860193e089a616e5b131c3f72cea9fdbdd26a6f5f976305aa5e717698a7b250e3469097c952c39458ae84c0e2bb45bc56c44ecf75cbe6eaab36f3254f304a89b', 40, 0, 0, 16);
INSERT INTO public.alembic_version VALUES ('r0001');
INSERT INTO public.hold VALUES ('freed', 8, 50, 'released', 'w-freed', 5, 7, NULL, 0);
INSERT INTO public.hold VALUES ('open', 8, 100, 'open', 'w-open', 5, NULL, NULL, 0);
INSERT INTO public.hold VALUES ('taken', 8, 150, 'captured', 'w-taken', 5, 6, NULL, 150);
INSERT INTO public.ledger_event VALUES (1, 'opened', 1, 0, 0, '{"asset":"CNY","exponent":2,"kind":"budget","owner":"1ba0df7013fb9573e5af56c878486cad9312d18ae8ea36da7eb72e10155cc565"}', '\x7db1998ca89b54da859f493c89a16bda3dd001fd39b042d59bbc21d7ad8998fe');
INSERT INTO public.ledger_event VALUES (2, 'opened', 2, NULL, 0, '{"asset":"CNY","exponent":2,"kind":"cash","owner":"0949a0c0d30cd16275a6fc2ef2708ca72a7004125945367ce5cac138fd9a42f7"}', '\x02b823b1224168595d5df769ff2b4b346d69a1093b9b1237a5d5b7574175dc25');
INSERT INTO public.ledger_event VALUES (3, 'opened', 3, 0, 0, '{"asset":"CNY","exponent":2,"kind":"clearing","owner":"875efbcad42e0f789cc90cc3ced820ac165c57484bb30f430102b65219f1edee"}', '\xe2bbd9ea1c698d2900087c0481c8a1d0bab2d97fc9e73028c95205d7449049ba');
INSERT INTO public.ledger_event VALUES (4, 'opened', 4, -10000, 0, '{"asset":"CNY","exponent":2,"kind":"receivable","owner":"5392ac07cdec20b50ceb3ee3e343d128d4b44ac8e537f186c7dd74f4251116a9"}', '\xf302a68a3f635005d365164f62311052c3dcd63c7b91ab564072df4a6e5bae8b');
INSERT INTO public.ledger_event VALUES (5, 'opened', 5, NULL, 0, '{"asset":"CNY","exponent":2,"kind":"revenue","owner":"b33cdf15196eff205c5898695153059a2f4d9462cd44f9c4978d331151da05ea"}', '\x5e18a914da4828ae0ed31300c41d135f11520c9e183a73e393dd729a9350131d');
INSERT INTO public.ledger_event VALUES (6, 'opened', 6, 0, 0, '{"asset":"CNY","exponent":2,"kind":"reward_budget","owner":"2e99910bd95f82438957bc4d3943679fd97b20eefc1500f5637d873306950c30"}', '\x1666fe8a18d15d393342fe1c82d2b3ddb6d24c4e9c86d7946c259f7a45498a8c');
INSERT INTO public.ledger_event VALUES (7, 'opened', 7, NULL, 0, '{"asset":"CNY","exponent":2,"kind":"reward_expense","owner":"eebcccd5f0d01e896e295dc47e2b16557c8be2a4a2dabf72f26321c226d87d1d"}', '\x6848e1cdfb184903a4c1d1eb6c82f99887cce65f353458133fbfbca61c43088c');
INSERT INTO public.ledger_event VALUES (8, 'opened', 8, 0, 0, '{"asset":"CNY","exponent":2,"kind":"wallet_available","owner":"7d4829c388307478b502168382d3a7f966b80a77003e73711a548c9a985806a2"}', '\x0c46d77a98a04b095ef5c26e17f50fff1b5ef3547adfbfbd59ee955644454d2b');
INSERT INTO public.ledger_event VALUES (9, 'opened', 9, 0, 0, '{"asset":"CNY","exponent":2,"kind":"wallet_pending","owner":"f54dc76c6f28fc50e52dd1d35c8f94298d5538dee5ee5800ab33312dff756e6a"}', '\xddee935f724ed12183b457983bfacb49925ac799100f91004648e64f2cd3f2fe');
INSERT INTO public.ledger_event VALUES (20, 'held', 8, 50, 5, '{"cause":"w-freed","expires_at":null,"id":"freed"}', '\xe089366de02f57c6ed68ece99186fa9ed9b6d7cb9ebdf417ec17f0e46679038f');
INSERT INTO public.ledger_event VALUES (21, 'released', 8, -50, 7, '{"captured":0,"id":"freed"}', '\xad14b1c2088146bdf18c717ba3df10fbdf8f2a3d140f0162890111f5455ab7de');
INSERT INTO public.ledger_event VALUES (22, 'held', 8, 100, 5, '{"cause":"w-open","expires_at":null,"id":"open"}', '\xf3d92d5d90cc4da7421c82a4a4dc306aa858765c8036b7820a9f6bc5731aba73');
INSERT INTO public.ledger_event VALUES (23, 'held', 8, 150, 5, '{"cause":"w-taken","expires_at":null,"id":"taken"}', '\x598d356181d3ceadeaa16bddecafbc596da4ae95d57f9b97b2fa4d420a91df0d');
INSERT INTO public.ledger_event VALUES (24, 'captured', 8, -150, 6, '{"captured":150,"id":"taken"}', '\x130d88e5f5d940a4e6523c0301585401d23fe08592796538fccd73b13248c22a');
INSERT INTO public.ledger_event VALUES (25, 'reserved', 1, 40, 0, '{}', '\x85bde93ac05b057dae92a9ab568ed264fcd33a949ae1a1b32d9faea46568ffe4');
INSERT INTO public.ledger_event VALUES (26, 'reserved', 6, 20, 0, '{}', '\x966a0fc75118bbedd67f7311bb7c455f2344e6ad567602140328fdf7c45d4613');
INSERT INTO public.ledger_event VALUES (27, 'adopted', 0, NULL, 0, '{"accounts":9,"holds":3,"transfers":10}', '\x2398e03238ad2117e1477f42b1de6dcb6b7f084fd2185299e94cb14a4bf37162');
INSERT INTO public.ledger_head VALUES (1, 27, '\x2398e03238ad2117e1477f42b1de6dcb6b7f084fd2185299e94cb14a4bf37162');
INSERT INTO public.payout VALUES ('open', 'open', 'ann', 100, 'CNY', 'dest', 'held', 2, 0, NULL, 10, 10, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.reservation VALUES ('r1', 'offer', 'budget:CNY:tea', 40, 'reward_budget:CNY:tea', 20, 99, 'open', NULL, 9, NULL);
INSERT INTO public.reversal VALUES ('o1', 'e2', 'quality', 20, 20, 0, 0, 33, 4);
INSERT INTO public.reward VALUES ('e1', 'ann', 'tea', 'net', 'budget:CNY:tea', 1000, 0, 600, 0, 'CNY', 'available', 0, 2, 2, NULL, NULL, NULL);
INSERT INTO public.reward VALUES ('e2', 'bob "b"', 'other', 'net', 'receivable:CNY:net', 100, 33, 60, 20, 'CNY', 'pending', 900, 3, 4, NULL, NULL, NULL);
INSERT INTO public.shape VALUES (1, 'r0001', 'b844f211df16c3f8001932f105d9cc000a668ff49003e9d9eb98b10b91600219');
INSERT INTO public.subject_key VALUES ('ann', '\xf61ff8c3539561e8d81604caca0a94337855c5b4b1a5f7321651872aed8c271b', 0);
INSERT INTO public.subject_key VALUES ('bob "b"', '\x5745a47d840c0e2b2325c737856a1f1e1480dc5db59b589d46d725d9ca5ca38a', 0);
INSERT INTO public.subject_key VALUES ('platform', '\x90d82732825ccd6e44b46e00a87711ea7319a6d3402685914b234d4b9fd1b692', 0);
INSERT INTO public.subject_key VALUES ('net', '\xed2a01abef5534861d829d6f1d2da20e01a802c744401680789e2c973676a714', 0);
INSERT INTO public.subject_key VALUES ('tea', '\x1e8d96df7bbce0fbb2b1e53497e131c67324ec3bb8cb28eed7d10af795c7f33e', 0);
INSERT INTO public.subject_key VALUES ('fake', '\xb80adb0a1668a96e90e497fc886bf028515e01c35e80d78263d640aa86b7a221', 0);
INSERT INTO public.transfer VALUES (10, 'd', 2, 1, 5000, 'deposit', NULL, 'd', 1, 1, 0, 0, '\x4b61b6ffb6191c9ff5e663d61d08d68f510b93f2c96438c9011758194536a848');
INSERT INTO public.transfer VALUES (11, 'alloc', 7, 6, 3000, 'allocation', NULL, 'alloc', 1, 1, 0, 0, '\xc8ca7e9a3845a20f8c2a53a374dce0c3ba7e9398b109d137d087a02c5b315b52');
INSERT INTO public.transfer VALUES (12, 'e1/revenue', 1, 5, 1000, 'revenue', NULL, 'e1', 2, 2, 10, 0, '\x0b851d10108f546f19f15dfa5b7eba9b37cfd795c48ced779cd4621ecb889cd2');
INSERT INTO public.transfer VALUES (13, 'e1/reward', 7, 8, 600, 'reward', NULL, 'e1', 2, 2, 11, 0, '\xb96ea2233b1ad9304009e2075f2cabef04521d5cad1873492d942baec65641aa');
INSERT INTO public.transfer VALUES (14, 'e2/revenue', 4, 5, 100, 'revenue', NULL, 'e2', 3, 3, 0, 12, '\xd0de7be6d13afc99fe013b495866171b421a16788b683a5b4e94fd935f1db61e');
INSERT INTO public.transfer VALUES (15, 'e2/reward', 7, 9, 60, 'reward', NULL, 'e2', 3, 3, 13, 0, '\x83d964675d51cfe7007247e98a45b7082b4d601c1a5e9e0fc81aae921a109cfd');
INSERT INTO public.transfer VALUES (16, 'o1/from_pending', 9, 7, 20, 'clawback', NULL, 'o1', 4, 4, 15, 15, '\x3aca9370b8895297ec52a5a83862527aab0fae77bbfbd3b1a684931ab942334a');
INSERT INTO public.transfer VALUES (17, 'o1/revenue_returned', 5, 4, 33, 'revenue_returned', NULL, 'o1', 4, 4, 14, 14, '\xfe01861093e88625af7abb42b1d7f5a51dc3b4c457e87a8f26a6be3ec96c9e60');
INSERT INTO public.transfer VALUES (18, 'taken/captured', 8, 3, 150, 'capture', 'taken', 'w-taken', 6, 6, 13, 0, '\x93ccc44266ab2a125f0a6ae7eb2aeb4271e87470076bed1c444d997124460289');
INSERT INTO public.transfer VALUES (19, 'taken/captured/reversed', 3, 8, 150, 'reversal', NULL, 'returned', 8, 8, 18, 18, '\x0f91c6cc77eeeb51e19c268d65dd11f221163680ce65b72710dcaa2493e5fbc6');
SELECT pg_catalog.setval('public.change_head_id_seq', 1, false);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, false);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_once UNIQUE (id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.change_head
    ADD CONSTRAINT change_head_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.change_subject
    ADD CONSTRAINT change_subject_pkey PRIMARY KEY (subject);
ALTER TABLE ONLY public.exposure
    ADD CONSTRAINT exposure_pkey PRIMARY KEY (partner_id, currency, day);
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.ledger_event
    ADD CONSTRAINT ledger_event_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.ledger_head
    ADD CONSTRAINT ledger_head_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
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
ALTER TABLE ONLY public.shape
    ADD CONSTRAINT shape_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subject_key
    ADD CONSTRAINT subject_key_pkey PRIMARY KEY (owner);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_once UNIQUE (id);
ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (sequence);
CREATE INDEX account_of_kind ON public.account USING btree (kind, asset);
CREATE INDEX change_by_age ON public.change USING btree (numbered_at, sequence);
CREATE UNIQUE INDEX change_of_subject ON public.change USING btree (subject, subject_sequence);
CREATE INDEX change_subject_waits ON public.change_subject USING btree (failures, next_at) WHERE (next_at IS NOT NULL);
CREATE INDEX hold_due ON public.hold USING btree (expires_at) WHERE (((state)::text = 'open'::text) AND (expires_at IS NOT NULL));
CREATE INDEX hold_of_account ON public.hold USING btree (account, state);
CREATE INDEX ledger_event_of_account ON public.ledger_event USING btree (account, sequence);
CREATE INDEX payout_attempt_of_payout ON public.payout_attempt USING btree (payout_id);
CREATE INDEX payout_due ON public.payout USING btree (provider, state, due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX payout_in_state ON public.payout USING btree (state, updated_at);
CREATE INDEX payout_of_user ON public.payout USING btree (user_id);
CREATE INDEX reservation_due ON public.reservation USING btree (reserved_until) WHERE ((state)::text = 'open'::text);
CREATE INDEX reversal_of_reward ON public.reversal USING btree (event_id);
CREATE INDEX reward_due ON public.reward USING btree (state, matures_at);
CREATE INDEX reward_of_user ON public.reward USING btree (user_id);
CREATE INDEX reward_recorded ON public.reward USING btree (recorded_at);
CREATE TRIGGER account_refuses_delete BEFORE DELETE ON public.account FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('an account is never deleted');
CREATE TRIGGER account_refuses_truncate BEFORE TRUNCATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('an account is never deleted');
CREATE TRIGGER account_refuses_update BEFORE UPDATE OF number, asset, exponent, kind, owner_digest ON public.account FOR EACH ROW WHEN (((new.number <> old.number) OR ((new.asset)::text <> (old.asset)::text) OR (new.exponent <> old.exponent) OR ((new.kind)::text <> (old.kind)::text) OR (new.owner_digest <> old.owner_digest))) EXECUTE FUNCTION public.assay_refuse('an account stays what it was opened as');
CREATE TRIGGER hold_refuses_delete BEFORE DELETE ON public.hold FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a hold is never deleted: release it');
CREATE TRIGGER hold_refuses_truncate BEFORE TRUNCATE ON public.hold FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('a hold is never deleted: release it');
CREATE TRIGGER hold_refuses_update BEFORE UPDATE ON public.hold FOR EACH ROW WHEN ((((old.state)::text <> 'open'::text) OR ((new.id)::text <> (old.id)::text) OR (new.account <> old.account) OR (new.amount_micros <> old.amount_micros) OR ((new.cause_id)::text <> (old.cause_id)::text) OR (new.opened_at <> old.opened_at) OR (COALESCE(new.expires_at, ('-1'::integer)::bigint) <> COALESCE(old.expires_at, ('-1'::integer)::bigint)))) EXECUTE FUNCTION public.assay_refuse('a hold resolves once and never changes');
CREATE TRIGGER ledger_event_refuses_delete BEFORE DELETE ON public.ledger_event FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('an event of the book is never deleted: reverse it');
CREATE TRIGGER ledger_event_refuses_truncate BEFORE TRUNCATE ON public.ledger_event FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('an event of the book is never deleted: reverse it');
CREATE TRIGGER ledger_event_refuses_unknown AFTER INSERT ON public.ledger_event REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.ledger_event_refuses_unknown();
CREATE TRIGGER ledger_event_refuses_update BEFORE UPDATE ON public.ledger_event FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('an event of the book is never edited: reverse it');
CREATE TRIGGER ledger_head_refuses_delete BEFORE DELETE ON public.ledger_head FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('the head of the chain is never deleted');
CREATE TRIGGER ledger_head_refuses_truncate BEFORE TRUNCATE ON public.ledger_head FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('the head of the chain is never deleted');
CREATE TRIGGER ledger_head_refuses_update BEFORE UPDATE ON public.ledger_head FOR EACH ROW WHEN ((new.sequence <= old.sequence)) EXECUTE FUNCTION public.assay_refuse('the head of the chain only moves forward');
CREATE TRIGGER reservation_refuses_delete BEFORE DELETE ON public.reservation FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a reservation is never deleted: release it');
CREATE TRIGGER reservation_refuses_truncate BEFORE TRUNCATE ON public.reservation FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('a reservation is never deleted: release it');
CREATE TRIGGER reservation_refuses_update BEFORE UPDATE ON public.reservation FOR EACH ROW WHEN ((((old.state)::text <> 'open'::text) OR ((new.id)::text <> (old.id)::text) OR (new.value_micros <> old.value_micros) OR (new.reward_micros <> old.reward_micros))) EXECUTE FUNCTION public.assay_refuse('a reservation resolves once and never changes');
CREATE TRIGGER transfer_refuses_delete BEFORE DELETE ON public.transfer FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a transfer is never deleted: reverse it');
CREATE TRIGGER transfer_refuses_truncate BEFORE TRUNCATE ON public.transfer FOR EACH STATEMENT EXECUTE FUNCTION public.assay_refuse('a transfer is never deleted: reverse it');
CREATE TRIGGER transfer_refuses_unknown AFTER INSERT ON public.transfer REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.transfer_refuses_unknown();
CREATE TRIGGER transfer_refuses_update BEFORE UPDATE ON public.transfer FOR EACH ROW WHEN ((1 = 1)) EXECUTE FUNCTION public.assay_refuse('a transfer is never edited: reverse it');
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_account_fkey FOREIGN KEY (account) REFERENCES public.account(number);
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
