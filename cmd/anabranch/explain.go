package main

import "errors"

// explainCmd is reserved: its command line is settled, its answer is not.
type explainCmd struct {
	where `group:"where"`

	Feature string `arg:"" help:"The value to explain, as view:feature."`
	Entity  string `help:"Join keys of the row." required:"" placeholder:"KEY=VALUE,…"`
	At      string `help:"Read time, RFC 3339; default now." placeholder:"TIME"`
}

// Help shows an example.
func (c *explainCmd) Help() string {
	return "Example:\n  anabranch explain arrivals:flights_1h --entity airport=ATL --at 2001-03-31T23:00:00Z"
}

// Run refuses.
func (c *explainCmd) Run() error { return errors.New("explain is not built yet") }
