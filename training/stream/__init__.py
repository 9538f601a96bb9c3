"""Fraud on a stream of payments: who paid whom how much and when, learned from one week and measured on a later one."""
