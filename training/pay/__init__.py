"""What people were offered and paid, held against each other: groups, similar people, trials, and who earns how much.

Every function reads the offer log as a table: `user_id`, `campaign_id`, `position` (of the goal), `task_kind`,
`segment`, `currency`, `value_micros`, `reward_micros`, `propensity`, `stratum`, `offered_at` (microseconds),
`owed_micros` and `completed` (None: not known yet). Money of two currencies is never added up.
"""
