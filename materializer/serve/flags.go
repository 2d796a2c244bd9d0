package serve

// flags are what a reader must know of an answer besides its values.
type flags uint8

const (
	flagStale    flags = 1 << iota // an age is beyond max_staleness
	flagToken                      // a token is not covered
	flagSkew                       // the views' ages differ by more than max_skew
	flagBuilding                   // a view is not folded yet: its values are INVALID
	flagHalted                     // a view is stopped: its values are INVALID
	flagDeadline                   // the answer came after the deadline
	flagClock                      // a region's append time is ahead of this clock
)

var flagNames = [...]string{"stale", "token-not-reached", "skew", "building", "halted", "deadline", "clock"}

// names lists the flags that are raised.
func (f flags) names() []string {
	list := []string{}
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}
