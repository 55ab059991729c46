"""Kafka: topics of columns and records that any client can read, each row once."""
