package infer

import (
	"regexp"
	"strings"
)

// draft is the definitions to be: the columns and what was chosen among them.
type draft struct {
	name    string
	topic   string
	sampled bool // out of a sample, not a schema
	columns []column
	time    *column // when it happened
	known   *column // perhaps when it was known
	key     *column // the entity's; nil: a global entity
	id      *column // an event's id; nil: the header that produce writes
	seconds []string
}

var (
	timeWords  = regexp.MustCompile(`(?i)(^|_)(ts|time|timestamp|date|datetime|when)($|_)|(?i)_(at|on|ts)$|(?i)time(stamp)?$|[a-z]At$`)
	eventWords = regexp.MustCompile(`(?i)^(event_?time(stamp)?|occurred_?at|happened_?at|timestamp|ts|time|date|datetime)$`)
	knownWords = regexp.MustCompile(`(?i)(creat|known|landed|ingest|receiv|load|process|insert|append|arriv)`)
	idWords    = regexp.MustCompile(`(?i)(^|_)(id|uuid|guid|key|code|no|number)$|[a-z]I[dD]$`)
	eventIDs   = regexp.MustCompile(`(?i)^(id|uuid|guid|(event|message|msg|order|transaction|tx|request|record|click|payment|trip|ride)_?(id|uuid))$`)
	keyWords   = regexp.MustCompile(`(?i)(user|customer|client|account|member|player|driver|device|sensor|machine|station|store|shop|merchant|card|item|product|sku|article|airport|vehicle|host|session|patient|symbol|ticker|destination|city|country)`)
)

func soundsLikeTime(name string) bool { return timeWords.MatchString(name) }

// Ranges of years 2001 to 2100 in units since 1970.
var epochs = []struct {
	class       class
	least, most float64
}{
	{integer, 1e9, 4.2e9}, // seconds: no unit of a timestamp
	{millis, 1e12, 4.2e12},
	{micros, 1e15, 4.2e15},
}

// choose guesses roles.
func (d *draft) choose() {
	for i := range d.columns {
		d.epoch(&d.columns[i])
	}
	d.time = d.best(func(c *column) int {
		if !c.isTime() {
			return 0
		}
		return 2 + yes(eventWords.MatchString(c.field), 2) - yes(knownWords.MatchString(c.field), 1)
	})
	d.known = d.best(func(c *column) int { return yes(c.isTime() && c != d.time && knownWords.MatchString(c.field), 1) })
	d.id = d.best(func(c *column) int {
		unique := c.unseen || c.values > 1 && c.distinct == c.values
		return yes(c.isKey() && unique && eventIDs.MatchString(c.field), 1)
	})
	d.key = d.best(d.keyScore)
}

// epoch takes whole numbers for points in time where name and size say so.
func (d *draft) epoch(c *column) {
	if c.class != integer || c.unseen || c.values == 0 || !soundsLikeTime(c.field) {
		return
	}
	for _, e := range epochs {
		if c.least >= e.least && c.most < e.most {
			if c.class = e.class; e.class == integer {
				d.seconds = append(d.seconds, c.field)
			}
		}
	}
}

// best is the first column with the greatest score above 0.
func (d *draft) best(score func(*column) int) *column {
	var best *column
	most := 0
	for i := range d.columns {
		if s := score(&d.columns[i]); s > most {
			best, most = &d.columns[i], s
		}
	}
	return best
}

func yes(is bool, points int) int {
	if is {
		return points
	}
	return 0
}

// isKey reports whether the column could be a join key or an event's id.
func (c *column) isKey() bool {
	return (c.class == text || c.class == integer || c.class == raw) && !c.nullable && c.field != "event_timestamp"
}

// keyScore is how much a column looks like what events are about: it is named
// so, it takes several values, and they come back.
func (d *draft) keyScore(c *column) int {
	if !c.isKey() || c == d.id {
		return 0
	}
	score := yes(idWords.MatchString(c.field), 3) + yes(keyWords.MatchString(c.field), 3) + yes(c.class == text, 1)
	if c.class != text && score == 0 {
		return 0 // a number that nothing calls a key is a measure
	}
	if c.unseen {
		return score
	}
	return score + yes(c.distinct > 1, 1) + yes(2*c.distinct <= c.values, 2)
}

// addTime adds the field that every event needs and the sample does not have.
func (d *draft) addTime(taken map[string]bool) {
	var roles [3]string
	for i, c := range []*column{d.key, d.id, d.known} {
		if c != nil {
			roles[i] = c.field
		}
	}
	added := column{field: unique("event_timestamp", taken), class: millis, added: true}
	added.source = added.field
	d.columns = append(d.columns, added) // may move the columns
	d.time = &d.columns[len(d.columns)-1]
	d.key, d.id, d.known = d.column(roles[0]), d.column(roles[1]), d.column(roles[2])
}

func (d *draft) column(field string) *column {
	for i := range d.columns {
		if field != "" && d.columns[i].field == field {
			return &d.columns[i]
		}
	}
	return nil
}

// measures are the numbers that features may add up, and words the texts.
func (d *draft) measures() []*column {
	return d.those(func(c *column) bool {
		return (c.class == integer || c.class == float) && !contains(d.seconds, c.field)
	})
}

func (d *draft) words() []*column {
	return d.those(func(c *column) bool { return c.class == text })
}

// celWords cannot be field names in an expression.
var celWords = strings.Fields("true false null in as break const continue else for function if import let loop package namespace return var void while")

func (d *draft) those(is func(*column) bool) []*column {
	var list []*column
	for i := range d.columns {
		c := &d.columns[i]
		if is(c) && c != d.time && c != d.key && c != d.id && !contains(celWords, c.field) {
			list = append(list, c)
		}
	}
	return list
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
