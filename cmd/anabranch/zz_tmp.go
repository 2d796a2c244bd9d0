package main

type demoCmd struct{}
type compactCmd struct{}
type getHistoricalCmd struct{}
type snapshotCmd struct{}
type validateCmd struct{}
