package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/kafka/embedded"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/catalogue"
)

const syscallZero = syscall.Signal(0)

type devCmd struct {
	Config    kong.ConfigFlag `help:"YAML file of settings, as for worker; dev reads data and http.token." env:"ANABRANCH_CONFIG" placeholder:"FILE"`
	HTTPToken string          `help:"Bearer token that HTTP requests must carry." name:"http-token" env:"ANABRANCH_HTTP_TOKEN" placeholder:"SECRET"`

	Definitions  string        `help:"Directory of definitions to apply." short:"f" placeholder:"DIR"`
	Data         string        `help:"Directory that keeps everything." default:".anabranch" env:"ANABRANCH_DATA" placeholder:"DIR"`
	Regions      []string      `help:"Regions to run; default those of the definitions, or of the last start." placeholder:"NAME"`
	Delay        time.Duration `help:"Emulated one-way delay between regions." default:"40ms"`
	Budget       int64         `help:"Bytes per second from each region to each other; 0 is unlimited." default:"0" placeholder:"N"`
	CompactEvery time.Duration `help:"How often the regions' events are written to Parquet; 0 leaves it to anabranch compact." default:"30s"`
	external     string        // a region whose worker somebody else runs
	Port         int           `help:"First of the ports to listen on; 0 picks free ones and keeps them." default:"0"`
}

func (c *devCmd) Help() string {
	return "Example:\n  anabranch dev -f definitions &\n  anabranch produce orders --input orders.jsonl --wait\n  anabranch get-online checkout --entity user_id=7"
}

// Run runs dev until a signal.
func (c *devCmd) Run(ctx context.Context, out *output) error {
	d, err := c.open(out)
	if err != nil {
		return err
	}
	defer d.close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.run(ctx) })
	group.Go(func() error {
		if err := d.wait(ctx); err != nil {
			return err
		}
		if err := c.start(ctx, d, out); err != nil {
			return err
		}
		return d.announce(out)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// patience bounds how long dev waits until all views serve before it says where
// it listens.
const patience = time.Minute

// start applies the definitions, if there are any to apply, and waits until what
// is at work serves. Views that are still building after that only get a word.
func (c *devCmd) start(ctx context.Context, d *dev, out *output) error {
	e, err := (&where{HTTPToken: c.HTTPToken}).fromAddresses(&d.addresses)
	if err != nil {
		return err
	}
	quiet := *out
	quiet.quiet = true
	var s catalogue.State
	if c.Definitions != "" {
		defs, err := loadDefinitions(c.Definitions)
		if err != nil {
			return err
		}
		if _, err := applyDefinitions(ctx, e, defs, applyOptions{}, &quiet); err != nil {
			return err
		}
	}
	if s, err = currentCatalogue(ctx, e, ""); err != nil {
		if c.Definitions != "" {
			return err
		}
		return nil // nothing was applied yet
	}
	if _, err := waitServing(ctx, e, &s, patience, out); err != nil {
		if ctx.Err() != nil {
			return err
		}
		out.progress("%v", err)
	}
	return nil
}

// devPorts are kept in the data directory, so that a restarted dev listens
// where it did.
type devPorts struct {
	Regions []string          `json:"regions"`
	Ports   map[string][3]int `json:"ports"` // Kafka, schema registry, HTTP
}

const portsFile = "ports.json"

// open starts brokers and registries and opens a node for each region.
func (c *devCmd) open(out *output) (_ *dev, err error) {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	d := &dev{data: data, exact: c.Port > 0, addresses: addresses{Regions: map[string]regionAddresses{}, ObjectStore: filepath.Join(data, "objects"), PID: os.Getpid()}, compactEvery: c.CompactEvery}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	ports, err := c.ports(data)
	if err != nil {
		return nil, err
	}
	for i, region := range ports.Regions {
		if c.Port > 0 {
			ports.Ports[region] = [3]int{c.Port + 3*i, c.Port + 3*i + 1, c.Port + 3*i + 2}
		}
		p, err := d.openRegion(region, ports.Ports[region])
		if err != nil {
			return nil, c.explain(region, err)
		}
		ports.Ports[region] = p
	}
	if err := writeFileAtomic(filepath.Join(data, portsFile), ports); err != nil {
		return nil, err
	}
	for _, region := range ports.Regions {
		if region == c.external {
			d.release(region)
			continue
		}
		if err := d.openNode(c, region, ports.Regions, out); err != nil {
			return nil, fmt.Errorf("region %s: %w", region, err)
		}
	}
	return d, nil
}

// explain says what to do about what keeps a region from starting.
func (c *devCmd) explain(region string, err error) error {
	var inUse *embedded.InUseError
	switch {
	case errors.As(err, &inUse):
		return fmt.Errorf("another dev (pid %d) works in %s: stop it, or give this one --data DIR of its own", inUse.PID, c.Data)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("region %s: %w: give another --port", region, err)
	}
	return fmt.Errorf("region %s: %w", region, err)
}

// ports decides on the regions and finds the ports they had.
func (c *devCmd) ports(data string) (devPorts, error) {
	had := devPorts{Ports: map[string][3]int{}}
	if b, err := os.ReadFile(filepath.Join(data, portsFile)); err == nil {
		if err := json.Unmarshal(b, &had); err != nil {
			return had, fmt.Errorf("%s: %w", portsFile, err)
		}
	}
	want := c.Regions
	if len(want) == 0 && c.Definitions != "" {
		defs, err := loadDefinitions(c.Definitions)
		if err != nil {
			return had, err
		}
		want = defs.project.Regions
	}
	if twice := repeated(want); twice != "" {
		return had, usage("--regions: %s is named twice", twice)
	}
	for _, region := range want {
		if !regionName.MatchString(region) {
			return had, usage("--regions: found %q, want a name like us-east", region)
		}
	}
	switch {
	case len(want) > 0:
		had.Regions = want
	case len(had.Regions) == 0:
		had.Regions = []string{"us-east", "eu-central"}
	}
	return had, nil
}

var regionName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// dev is a whole world in one process.
type dev struct {
	exact     bool // ports are as the user says, or it fails
	data      string
	addresses addresses
	nodes     []*node
	closers   []func()

	compactEvery time.Duration // 0: never
}

func (d *dev) openRegion(region string, had [3]int) ([3]int, error) {
	dir := filepath.Join(d.data, region)
	broker, err := listenAgain(had[0], d.exact, func(addr string) (*embedded.Broker, error) {
		return embedded.Open(embedded.Config{Dir: filepath.Join(dir, "kafka"), Addr: addr})
	})
	if err != nil {
		return had, err
	}
	d.closers = append(d.closers, broker.Close)
	schemas, err := registry.OpenServer(registry.ServerConfig{Dir: filepath.Join(dir, "schemas")})
	if err != nil {
		return had, err
	}
	d.closers = append(d.closers, func() { _ = schemas.Close() })
	ln, err := listenAgain(had[1], d.exact, listenTCP)
	if err != nil {
		return had, err
	}
	server := &http.Server{Handler: schemas, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(ln) }()
	d.closers = append(d.closers, func() { _ = server.Close() })
	web, err := listenAgain(had[2], d.exact, listenTCP)
	if err != nil {
		return had, err
	}
	d.addresses.Regions[region] = regionAddresses{
		Kafka: broker.Addr(), SchemaRegistry: "http://" + ln.Addr().String(), HTTP: "http://" + web.Addr().String(),
	}
	d.nodes = append(d.nodes, &node{cfg: nodeConfig{place: place{region: region}, listener: web, data: dir}})
	return [3]int{portOf(broker.Addr()), portOf(ln.Addr().String()), portOf(web.Addr().String())}, nil
}

// release leaves the region's worker, and its HTTP port, to somebody else.
func (d *dev) release(region string) {
	i := slices.IndexFunc(d.nodes, func(n *node) bool { return n.cfg.region == region })
	_ = d.nodes[i].cfg.listener.Close()
	d.nodes = slices.Delete(d.nodes, i, i+1)
}

// openNode opens the region's worker beside its broker.
func (d *dev) openNode(c *devCmd, region string, regions []string, out *output) error {
	i := slices.IndexFunc(d.nodes, func(n *node) bool { return n.cfg.region == region })
	cfg := d.nodes[i].cfg
	a := d.addresses.Regions[region]
	cfg.kafka = kafka.Config{Brokers: []string{a.Kafka}}
	cfg.registry = registry.Config{URL: a.SchemaRegistry}
	cfg.store, cfg.token, cfg.log = d.addresses.ObjectStore, c.HTTPToken, out.log()
	cfg.roles = roles{fold: true, serve: true, mirror: true}
	cfg.describe = func() any { return d.addresses }
	for _, other := range regions {
		if other != region {
			cfg.peers = append(cfg.peers, peer{
				region: other, kafka: kafka.Config{Brokers: []string{d.addresses.Regions[other].Kafka}},
				delay: c.Delay, bytesPerSecond: c.Budget,
			})
		}
	}
	n, err := openNode(cfg)
	if err != nil {
		return err
	}
	d.nodes[i] = n
	d.closers = append(d.closers, n.close)
	return nil
}

// run works until ctx ends.
func (d *dev) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range d.nodes {
		group.Go(func() error { return n.run(ctx) })
		if d.compactEvery > 0 {
			group.Go(func() error { return n.compactEvery(ctx, d.compactEvery) })
		}
	}
	return group.Wait()
}

// wait returns once every region's HTTP answers.
func (d *dev) wait(ctx context.Context) error {
	for _, r := range d.addresses.Regions {
		for {
			resp, err := http.Get(r.HTTP + "/health")
			if err == nil {
				_ = resp.Body.Close()
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// announce leaves the addresses for other commands and prints them.
func (d *dev) announce(out *output) error {
	path := filepath.Join(d.data, devFile)
	if err := writeFileAtomic(path, d.addresses); err != nil {
		return err
	}
	d.closers = append(d.closers, func() { _ = os.Remove(path) })
	if out.json {
		return out.result(d.addresses)
	}
	rows := [][]string{}
	for _, n := range d.nodes {
		a := d.addresses.Regions[n.cfg.region]
		rows = append(rows, []string{n.cfg.region, a.Kafka, a.SchemaRegistry, a.HTTP})
	}
	out.table([]string{"REGION", "KAFKA", "SCHEMA REGISTRY", "HTTP"}, rows)
	below := d.data
	if filepath.Base(below) == dataDir {
		below = filepath.Dir(below)
	}
	out.say("\nobjects in %s\nready; commands that are started in %s or below find it\nstop with Ctrl-C, start again to go on", d.addresses.ObjectStore, below)
	return nil
}

func (d *dev) close() {
	for _, fn := range slices.Backward(d.closers) {
		fn()
	}
	d.closers = nil
}

// listenAgain listens on a port that was used before or, unless it is to be
// exactly that, on a free one.
func listenAgain[T any](port int, exact bool, listen func(addr string) (T, error)) (T, error) {
	if port != 0 {
		v, err := listen(fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil || exact || !errors.Is(err, syscall.EADDRINUSE) {
			return v, err
		}
	}
	return listen("127.0.0.1:0")
}

func listenTCP(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

func portOf(addr string) int {
	_, port, _ := net.SplitHostPort(addr)
	var n int
	fmt.Sscan(port, &n)
	return n
}

// writeFileAtomic writes v as JSON so that a reader sees the old or the new.
func writeFileAtomic(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
