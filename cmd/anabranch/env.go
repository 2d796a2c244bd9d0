package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
)

// dataDir is where dev keeps everything unless --data says otherwise, and
// devFile the file in it that says where a running dev listens.
const (
	dataDir = ".anabranch"
	devFile = "dev.json"
)

// addresses is what dev prints once it is ready, and keeps in devFile.
type addresses struct {
	Regions     map[string]regionAddresses `json:"regions"`
	ObjectStore string                     `json:"object_store"`
	PID         int                        `json:"pid"`
}

type regionAddresses struct {
	Kafka          string `json:"kafka"`
	SchemaRegistry string `json:"schema_registry"`
	HTTP           string `json:"http"`
}

// place is how to reach one region. What is not known is empty.
type place struct {
	region   string
	kafka    kafka.Config
	registry registry.Config
	http     string
	store    string
}

// env is what a client command knows of the world.
type env struct {
	places []place // the own region first
	token  string
	dev    *addresses // set if the world is a dev server
}

// errNoRegion: there are no settings and no dev server to be found.
var errNoRegion = errors.New("no region to talk to: start one with \"anabranch dev\" in this directory, or give --server, --kafka-brokers or --config")

// find works out which regions there are: from the settings, or from --server,
// or from the dev server of this directory or one above it.
func (w *where) find(ctx context.Context) (*env, error) {
	if w.Server != "" {
		return w.fromServer(ctx)
	}
	if len(w.KafkaBrokers) > 0 || w.ObjectStore != "" {
		return w.fromSettings()
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for ; ; dir = filepath.Dir(dir) {
		for _, path := range []string{filepath.Join(dir, dataDir, devFile), filepath.Join(dir, devFile)} {
			if b, err := os.ReadFile(path); err == nil {
				return w.fromDev(path, b)
			}
		}
		if dir == filepath.Dir(dir) {
			return nil, errNoRegion
		}
	}
}

func (w *where) fromDev(path string, b []byte) (*env, error) {
	var a addresses
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !alive(a.PID) {
		return nil, fmt.Errorf("the dev server of %s is not running (pid %d): start it with \"anabranch dev --data %s\"", path, a.PID, filepath.Dir(path))
	}
	return w.fromAddresses(&a)
}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscallZero)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// fromServer asks a running region for the others. It is the own one, reached
// as the user reaches it.
func (w *where) fromServer(ctx context.Context) (*env, error) {
	url := strings.TrimRight(w.Server, "/")
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	server, e := &place{http: url}, &env{token: w.HTTPToken}
	var a addresses
	if err := e.ask(ctx, server, "/v1/addresses", &a); err != nil {
		return nil, fmt.Errorf("--server %s: %w", w.Server, err)
	}
	var own struct {
		Region string `json:"region"`
	}
	if err := e.ask(ctx, server, "/v1/frontier", &own); err != nil || own.Region == "" {
		own.Region = a.at(url) // it has no definitions yet
	}
	if r, ok := a.Regions[own.Region]; ok {
		r.HTTP = url
		a.Regions[own.Region] = r
	}
	if w.Region == "" {
		w.Region = own.Region
	}
	return w.fromAddresses(&a)
}

// at is the region that listens at a URL, or nothing.
func (a *addresses) at(url string) string {
	for name, r := range a.Regions {
		if r.HTTP == url {
			return name
		}
	}
	return ""
}

func (w *where) fromAddresses(a *addresses) (*env, error) {
	e := &env{token: w.HTTPToken, dev: a}
	names := make([]string, 0, len(a.Regions))
	for name := range a.Regions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r := a.Regions[name]
		p := place{region: name, http: r.HTTP, store: a.ObjectStore, registry: registry.Config{URL: r.SchemaRegistry}}
		if r.Kafka != "" {
			p.kafka.Brokers = strings.Split(r.Kafka, ",")
		}
		e.places = append(e.places, p)
	}
	return e, e.prefer(w.Region)
}

// fromSettings takes the settings for those of the file's region and, if --region
// names one of its peers, puts that first.
func (w *where) fromSettings() (*env, error) {
	f, err := w.file()
	if err != nil {
		return nil, err
	}
	own := w.Region
	if _, isPeer := f.Peers[own]; isPeer {
		own = f.Region
	}
	if own == "" && len(w.KafkaBrokers) > 0 {
		return nil, usage("--region: which region do these settings belong to?")
	}
	e := &env{token: w.HTTPToken}
	e.places = append(e.places, place{
		region: own, kafka: w.kafka(), registry: w.registry(), store: w.ObjectStore, http: listenURL(w),
	})
	names := make([]string, 0, len(f.Peers))
	for name := range f.Peers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := f.Peers[name]
		store := p.ObjectStore
		if store == "" {
			store = w.ObjectStore
		}
		e.places = append(e.places, place{
			region: name, kafka: p.Kafka.config(), store: store, http: strings.TrimRight(p.HTTP, "/"),
			registry: registry.Config{URL: p.SchemaRegistry.URL, Username: p.SchemaRegistry.Username, Password: p.SchemaRegistry.Password},
		})
	}
	return e, e.prefer(w.Region)
}

// listenURL is where a client on this machine reaches the region's HTTP.
func listenURL(w *where) string {
	if w.HTTPListen == "" {
		return ""
	}
	addr := w.HTTPListen
	if strings.HasPrefix(addr, ":") || strings.HasPrefix(addr, "0.0.0.0:") {
		addr = "127.0.0.1" + addr[strings.LastIndex(addr, ":"):]
	}
	if w.HTTPTLSCert != "" {
		return "https://" + addr
	}
	return "http://" + addr
}

// prefer moves a region to the front.
func (e *env) prefer(region string) error {
	if region == "" {
		return nil
	}
	i := slices.IndexFunc(e.places, func(p place) bool { return p.region == region })
	if i < 0 {
		return usage("--region %s: there is no such region, only %s", region, strings.Join(e.regions(), ", "))
	}
	p := e.places[i]
	e.places = slices.Insert(slices.Delete(e.places, i, i+1), 0, p)
	return nil
}

// brokers reports whether the Kafka of any region is known.
func (e *env) brokers() bool {
	return slices.ContainsFunc(e.places, func(p place) bool { return len(p.kafka.Brokers) > 0 })
}

func (e *env) regions() []string {
	names := make([]string, len(e.places))
	for i, p := range e.places {
		names[i] = p.region
	}
	return names
}

// place finds a region, or returns nil.
func (e *env) place(region string) *place {
	for i := range e.places {
		if e.places[i].region == region {
			return &e.places[i]
		}
	}
	return nil
}

// dial opens the region's Kafka.
func (p *place) dial(ctx context.Context) (*kafka.Client, error) {
	if len(p.kafka.Brokers) == 0 {
		return nil, fmt.Errorf("region %s: no Kafka brokers are known: give --kafka-brokers or peers in --config", p.region)
	}
	k, err := kafka.Dial(p.kafka)
	if err != nil {
		return nil, fmt.Errorf("region %s: %w", p.region, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := k.Ping(ctx); err != nil {
		k.Close()
		return nil, fmt.Errorf("region %s: Kafka at %s does not answer: %w", p.region, strings.Join(p.kafka.Brokers, ","), err)
	}
	return k, nil
}

// openStore opens the region's object store.
func (p *place) openStore(ctx context.Context) (blob.Store, error) {
	if p.store == "" {
		return nil, fmt.Errorf("region %s: no object store is known: give --object-store", p.region)
	}
	return blob.OpenURL(ctx, p.store, storeOptions())
}
