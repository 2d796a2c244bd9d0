//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/value"
)

// idUsers is among how many users the orders of TestAnIDCountsOnceInTwoRegions
// go round.
const idUsers = 12

// someOrders are the orders [from, to) of all users.
func someOrders(begin time.Time, from, to int) []order {
	var list []order
	for n := from; n < to; n++ {
		user := int64(n % idUsers)
		o := newOrder(user, n)
		o.OrderedAt = begin.UnixMilli() + int64(n)*1000
		list = append(list, o)
	}
	return list
}

// order produces orders in a region.
func (w *world) order(region, file string, orders []order, flags ...string) {
	w.t.Helper()
	writeLines(w.t, w.path(file), orders)
	w.cli(region, append([]string{"produce", "orders", "--input", file}, flags...)...).ok(w.t)
}

// counts are each user's number of orders and their total, as a region serves
// them.
func (w *world) counts(region string) map[int64][2]string {
	w.t.Helper()
	all := map[int64][2]string{}
	for user := range int64(idUsers) {
		v := w.vector(region, user)
		all[user] = [2]string{fmt.Sprint(v["spending:orders"]), fmt.Sprint(v["spending:total"])}
	}
	return all
}

// once is what counts are if every order counts once.
func once(orders []order) map[int64][2]string {
	seen, n, total := map[string]bool{}, map[int64]int{}, map[int64]float64{}
	for _, o := range orders {
		if !seen[o.OrderID] {
			seen[o.OrderID] = true
			n[*o.Customer]++
			total[*o.Customer] += o.Total // quarters: exact
		}
	}
	all := map[int64][2]string{}
	for user := range int64(idUsers) {
		sum := json.Number(value.AppendJSON(nil, value.Float(total[user]), value.Of(value.Float64)))
		all[user] = [2]string{fmt.Sprint(n[user]), string(sum)}
	}
	return all
}

// validated recomputes all that a region serves, whatever was taken back yet.
func (w *world) validated(region string) {
	w.t.Helper()
	doc := w.cli(region, "validate", "checkout", "--keys", "all").ok(w.t).json(w.t)
	if number(doc["mismatched"]) != 0 || number(doc["checked"]) <= 0 {
		w.t.Errorf("validate in %s: %v", region, doc)
	}
}

// trained is the orders column of a training set of all users at one time.
func (w *world) trained(name string, at time.Time, flags ...string) (n []string) {
	w.t.Helper()
	var rows []object
	for user := range idUsers {
		rows = append(rows, object{"user_id": user, "event_timestamp": at.UTC().Format(time.RFC3339Nano)})
	}
	writeLines(w.t, w.path("spine.jsonl"), rows)
	out := w.path(name + ".parquet")
	w.cli(west, append([]string{"get-historical", "checkout", "--spine", "spine.jsonl", "--out", out}, flags...)...).ok(w.t)
	table, err := columnar.OpenTable(out, columnar.TableOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer table.Close()
	scan, err := table.Scan([]string{"orders"}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	defer scan.Close()
	var b columnar.Batch
	for scan.Next(&b) == nil {
		for i := range b.Rows {
			n = append(n, fmt.Sprint(b.Cols[0].At(i).N))
		}
	}
	return n
}

func (w *world) checkTrained(name string, orders []order, at time.Time, flags ...string) {
	w.t.Helper()
	want := once(orders)
	for user, n := range w.trained(name, at, flags...) {
		if n != want[int64(user)][0] {
			w.t.Errorf("%s: user %d has %s orders, want %s", name, user, n, want[int64(user)][0])
		}
	}
}

// An order that both regions accepted counts once in both, whichever came first,
// however often it came, and although the process is killed in between; and in
// training sets under every cut.
func TestAnIDCountsOnceInTwoRegions(t *testing.T) {
	w := newDev(t, ordersDir)
	begin := time.Now().Add(-time.Hour)
	orders := func(from, to int) []order { return someOrders(begin, from, to) }
	w.order(west, "west.jsonl", orders(0, 300))
	w.order(east, "east.jsonl", orders(150, 450)) // half of it crossed
	w.validated(east)                             // while copies are on their way
	w.validated(west)
	w.order(east, "late.jsonl", orders(0, 100))
	w.dev.kill()
	w.startDev()
	w.order(west, "doubled.jsonl", append(orders(400, 600), orders(500, 600)...))
	w.dev.kill()
	w.startDev()
	w.validated(east)
	first := orders(0, 600)
	for _, region := range []string{west, east} {
		eventually(t, "every order counts once in "+region, func() error {
			if got, want := w.counts(region), once(first); !reflect.DeepEqual(got, want) {
				return fmt.Errorf("%v, want %v", got, want)
			}
			return nil
		})
	}
	w.converge()
	between := time.Now()
	time.Sleep(10 * time.Millisecond)
	w.order(east, "more.jsonl", orders(550, 700), "--wait")
	w.order(west, "more-west.jsonl", orders(600, 700), "--wait")
	all := orders(0, 700)
	eventually(t, "every order counts once", func() error {
		if got := w.counts(east); !reflect.DeepEqual(got, once(all)) || !reflect.DeepEqual(w.counts(west), got) {
			return fmt.Errorf("%v, want %v", got, once(all))
		}
		return nil
	})
	w.converge()
	w.validated(west)
	w.validated(east)
	_, report, err := httpJSON("GET", w.http[east]+"/v1/frontier", nil)
	if err != nil {
		t.Fatal(err)
	}
	frontier, later := at(report, "frontier").(string), time.Now().Add(time.Minute)
	w.checkTrained("label", all, later)
	w.checkTrained("label-between", first, between)
	w.checkTrained("off", all, later, "--known-at", "off")
	w.checkTrained("as-of-time", first, later, "--as-of", between.UTC().Format(time.RFC3339Nano))
	w.checkTrained("as-of-frontier", all, later, "--as-of", frontier)
	w.checkTrained("as-of-frontier-off", all, later, "--as-of", frontier, "--known-at", "off")
	for _, region := range []string{west, east} {
		ids := at(w.status(region), "ids", 0).(object)
		if number(ids["taken_back"]) < 100 || number(ids["due"]) != 0 {
			t.Errorf("ids in %s: %v", region, ids)
		}
	}
	if strings.Contains(string(readFile(t, w.dev.log)), "halted") {
		t.Error("a partition halted")
	}
}
