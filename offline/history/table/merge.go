package table

// Merge walks the rows of several cursors of one partition as one, in order; of two equal rows the one with the lesser
// tag comes first. It is a binary heap with the next row on top.
type Merge struct{ heap []*Cursor }

// NewMerge takes cursors that are at no row yet, and stands at the first of their rows.
func NewMerge(cursors []*Cursor) (*Merge, error) {
	m := &Merge{}
	for _, c := range cursors {
		more, err := c.Next()
		if err != nil {
			return nil, err
		}
		if more {
			m.heap = append(m.heap, c)
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

// Top is the cursor at the present row; nil after the last.
func (m *Merge) Top() *Cursor {
	if len(m.heap) == 0 {
		return nil
	}
	return m.heap[0]
}

// Step goes to the next row.
func (m *Merge) Step() error {
	more, err := m.heap[0].Next()
	if err != nil {
		return err
	}
	if !more {
		last := len(m.heap) - 1
		m.heap[0] = m.heap[last]
		m.heap = m.heap[:last]
	}
	m.sink(0)
	return nil
}

func (m *Merge) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heap); child++ {
			if m.heap[child].before(m.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}
