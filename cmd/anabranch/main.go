package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes that scripts can rely on.
const (
	exitFailed = 1
	exitUsage  = 2
	exitCheck  = 3
)

// errCheck is wrapped by errors of checks that ran and did not hold.
var errCheck = errors.New("check did not hold")

// errUsage is wrapped by errors of what the user wrote on the command line.
var errUsage = errors.New("wrong usage")

type cli struct {
	JSON    bool `help:"Print one JSON document on stdout; progress goes to stderr." name:"json"`
	Verbose bool `help:"Log what happens inside to stderr." short:"v"`

	PrintVersion kong.VersionFlag `help:"Print the version." name:"version"`

	Demo     demoCmd     `cmd:"" help:"Run the whole path on real events: two regions, a mirror, a training set."`
	Init     initCmd     `cmd:"" help:"Write definitions to start from, out of a sample or a registered schema."`
	Dev      devCmd      `cmd:"" help:"Run regions, broker, schema registry and object store in this process."`
	Worker   workerCmd   `cmd:"" help:"Run one region's worker against real Kafka."`
	Compact  compactCmd  `cmd:"" help:"Write the region's events to Parquet in the object store."`
	Plan     planCmd     `cmd:"" help:"Print what apply would change, and the bytes per key."`
	Apply    applyCmd    `cmd:"" help:"Put definitions to work in every region."`
	Describe describeCmd `cmd:"" help:"Print the definitions that are at work."`
	Produce  produceCmd  `cmd:"" help:"Send a file of events to a stream."`

	Quarantine    quarantineCmd    `cmd:"" help:"List or show records that were set aside, and why."`
	GetOnline     getOnlineCmd     `cmd:"" help:"Read feature vectors online." name:"get-online" aliases:"get-online-features"`
	GetHistorical getHistoricalCmd `cmd:"" help:"Make a point-in-time correct training set." name:"get-historical" aliases:"get-historical-features"`
	Snapshot      snapshotCmd      `cmd:"" help:"Write a view's values at one time to Parquet."`
	Basis         basisCmd         `cmd:"" help:"Find what a stream's vectors can be projected on."`
	Validate      validateCmd      `cmd:"" help:"Recompute served vectors offline and compare them bit for bit."`
	Explain       explainCmd       `cmd:"" help:"Show the events and panes behind one value (not built yet)."`
	Status        statusCmd        `cmd:"" help:"Show regions, views, lag, age and links."`
	Schema        schemaCmd        `cmd:"" help:"Print the JSON Schema of definition files, for editors."`
	Version       versionCmd       `cmd:"" help:"Print the version."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its world as arguments.
func run(args []string, stdout, stderr *os.File) int {
	var c cli
	out := &output{stdout: stdout, stderr: stderr}
	parser, err := kong.New(&c, append(parserOptions(), kong.Writers(stdout, stderr), kong.Bind(out))...)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	code, kctx := parse(parser, args, out)
	if kctx == nil {
		return code
	}
	out.json, out.verbose = c.JSON, c.Verbose
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kctx.BindTo(ctx, (*context.Context)(nil))
	err = kctx.Run()
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	return out.exit(err)
}

func parserOptions() []kong.Option {
	return []kong.Option{
		kong.Name("anabranch"),
		kong.Description("A multi-region, event-sourced feature store on Kafka.\n\nTry it: anabranch demo"),
		kong.Vars{"version": versionLine()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Configuration(loadSettings),
		kong.Resolvers(secretFiles()),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.ExplicitGroups([]kong.Group{{Key: "where", Title: "Where things run (also as ANABRANCH_<FLAG>, or in the --config file):"}}),
	}
}

type exitCode int

// parse reads the command line; a nil context means that there is nothing left
// to run.
func parse(parser *kong.Kong, args []string, out *output) (code int, kctx *kong.Context) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(exitCode)
			if !ok {
				panic(r)
			}
			code, kctx = int(c), nil
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(out.stderr, "anabranch: %s\n", oneLine(err.Error()))
		var perr *kong.ParseError
		if errors.As(err, &perr) && perr.Context != nil && perr.Context.Command() != "" {
			fmt.Fprintf(out.stderr, "Run \"anabranch %s --help\" for its flags.\n", wordsOf(perr.Context.Command()))
		} else {
			fmt.Fprintln(out.stderr, `Run "anabranch --help" for the commands.`)
		}
		return exitUsage, nil
	}
	return 0, kctx
}

// exit prints an error, one line each, and picks the exit code.
func (o *output) exit(err error) int {
	if err == nil {
		return 0
	}
	for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(o.stderr, "anabranch: %s\n", line)
	}
	switch {
	case errors.Is(err, errCheck):
		return exitCheck
	case errors.Is(err, errUsage):
		return exitUsage
	}
	return exitFailed
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// usage makes an error of what the user wrote.
func usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }
func (e *usageError) Unwrap() error { return errUsage }

// checkFailed makes an error of a check that did not hold.
func checkFailed(format string, args ...any) error {
	return &checkError{fmt.Sprintf(format, args...)}
}

type checkError struct{ text string }

func (e *checkError) Error() string { return e.text }
func (e *checkError) Unwrap() error { return errCheck }

// wordsOf is a command without its arguments: "basis fit" of "basis fit <view>".
func wordsOf(command string) string {
	words, _, _ := strings.Cut(command, " <")
	return words
}
