"""Tests of the simulator; `wire` is the raw client they share."""
