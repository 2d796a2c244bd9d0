package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// order is one event of the tests, and the model of what features say of them.
type order struct {
	customer int64
	item     string
	at       time.Time
	cents    int64
	qty      *int64
	status   string
	tags     []string
	note     *string
}

var (
	customers = []int64{7, -3, 9007199254740993}
	items     = []string{"tea", "a,b", "ü\"x"}
)

// orders makes n orders of a few customers, some out of order in time.
func orders(n int) []order {
	start := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	var list []order
	for i := range n {
		o := order{
			customer: customers[i%3], item: items[i/3%3], at: start.Add(time.Duration(i*37%n) * 7 * time.Minute),
			cents: int64(i*i*31%100000) - 500, status: []string{"NEW", "PAID", "CANCELLED"}[i%7%3], tags: []string{},
		}
		if i%4 > 0 {
			q := int64(i % 5)
			o.qty = &q
		}
		for j := range i % 3 {
			o.tags = append(o.tags, fmt.Sprintf("t%d-%d", i, j))
		}
		if i%5 == 2 {
			text := fmt.Sprintf("note %d", i)
			o.note = &text
		}
		list = append(list, o)
	}
	return list
}

func (o order) total() string {
	sign, cents := "", o.cents
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

func (o order) fields() map[string]any {
	return map[string]any{
		"customer": o.customer, "item": o.item, "ordered_at": o.at.Format(time.RFC3339Nano), "total": o.total(),
		"qty": o.qty, "status": o.status, "tags": o.tags, "note": o.note,
	}
}

func jsonLines(list []order) string {
	var b strings.Builder
	for _, o := range list {
		line, _ := json.Marshal(o.fields())
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// entity is the key as get-online takes it.
func entity(customer int64, item string) string {
	return fmt.Sprintf("user_id=%d,item=%s", customer, strings.ReplaceAll(item, ",", `\,`))
}

// model is what service checkout answers for a key at a time, as JSON, by brute
// force over all orders. A missing entry means null.
func model(list []order, customer int64, item string, at time.Time) map[string]string {
	var mine []order
	for _, o := range list {
		if o.customer == customer && o.item == item && !o.at.After(at) {
			mine = append(mine, o)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	slices.SortStableFunc(mine, func(a, b order) int { return a.at.Compare(b.at) })
	window := at.Add(-time.Hour).Truncate(5 * time.Minute)
	var paid, withQty, pieces, recent int
	var cents int64
	var most *order
	for i, o := range mine {
		cents += o.cents
		if o.status == "PAID" {
			paid++
		}
		if o.qty != nil {
			withQty++
			pieces += int(*o.qty)
		}
		if !o.at.Before(window) {
			recent++
			if most == nil || o.cents > most.cents {
				most = &mine[i]
			}
		}
	}
	last := mine[len(mine)-1]
	mean, _ := big.NewRat(cents, 100*int64(len(mine))).Float64()
	m := map[string]string{
		"spending:orders": fmt.Sprint(len(mine)), "spending:paid": fmt.Sprint(paid), "spending:total": fmt.Sprintf("%q", order{cents: cents}.total()),
		"spending:mean_total": floatJSON(mean), "spending:pieces": fmt.Sprint(pieces), "spending:with_qty": fmt.Sprint(withQty),
		"spending:last_status": fmt.Sprintf("%q", last.status), "spending:last_tags": textJSON(last.tags), "spending:orders_1h": fmt.Sprint(recent),
	}
	if mine[0].note != nil {
		m["spending:first_note"] = textJSON(*mine[0].note)
	}
	if most != nil {
		m["spending:max_total_1h"] = fmt.Sprintf("%q", most.total())
	}
	return m
}

func textJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// floatJSON writes a float with a decimal point.
func floatJSON(f float64) string {
	s := textJSON(f)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}
